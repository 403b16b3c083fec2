import { type Contender } from '../contender';
import { framingContenders } from '../framings/index';
import { naiveConcat } from './naive_concat';
import { promiseSocket } from './promise_socket';
import { rawNet } from './raw_net';
import { sockwright } from './sockwright';

/**
 * The groups of contenders, by name. All contenders of a group have the same framing; the first one is the reference. `tlv`
 * has the framing of the lottery.
 */
export const groups: Readonly<Record<string, Readonly<Record<string, Contender>>>> = {
  tlv: {
    'raw net': rawNet,
    sockwright,
    'promise-socket': promiseSocket,
    'naive concat': naiveConcat,
  },
  ...framingContenders,
};

/** All contenders, by name. */
export const contenders: Readonly<Record<string, Contender>> = Object.fromEntries(
  Object.values(groups).flatMap((group) => Object.entries(group)),
);
