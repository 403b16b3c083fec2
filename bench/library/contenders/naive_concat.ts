import { HEADER_BYTES } from '../contender';
import { netContender } from './net_contender';

/** The reader of many tutorials: every chunk is joined to all buffered bytes. */
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
