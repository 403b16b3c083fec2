import { type Contender } from '../contender';
import { naiveConcat } from './naive_concat';
import { promiseSocket } from './promise_socket';
import { rawNet } from './raw_net';
import { sockwright } from './sockwright';

/** The contenders; the first is the yardstick. */
export const contenders: Readonly<Record<string, Contender>> = {
  'raw net': rawNet,
  sockwright,
  'promise-socket': promiseSocket,
  'naive concat': naiveConcat,
};
