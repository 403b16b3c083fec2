import { HEADER_BYTES } from '../contender';
import { netContender } from './net_contender';

/** What is written first and found in many a tutorial: every chunk is joined to all that waits. */
export const naiveConcat = netContender((onMessage) => {
  let waiting = Buffer.alloc(0);
  return (chunk) => {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= HEADER_BYTES) {
      const size = HEADER_BYTES + waiting.readUIntLE(1, 6);
      if (waiting.length < size) return;
      onMessage(waiting.subarray(HEADER_BYTES, size));
      waiting = waiting.subarray(size);
    }
  };
});
