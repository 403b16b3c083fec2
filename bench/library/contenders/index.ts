import { type Contender } from '../contender';
import { naiveConcat } from './naive_concat';
import { promiseSocket } from './promise_socket';
import { rawNet } from './raw_net';
import { sockwright } from './sockwright';

/** The contenders, by name. The first one is the reference. */
export const contenders: Readonly<Record<string, Contender>> = {
  'raw net': rawNet,
  sockwright,
  'promise-socket': promiseSocket,
  'naive concat': naiveConcat,
};
