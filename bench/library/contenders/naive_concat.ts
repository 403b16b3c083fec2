import { HEADER_BYTES } from '../contender';
import { netContender } from './net_contender';

/** A message reader as in many tutorials: it joins every chunk to all buffered bytes. */
export const naiveConcat = netContender((onMessage) => {
  let buffered = Buffer.alloc(0);
  return (chunk) => {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length >= HEADER_BYTES) {
      const size = HEADER_BYTES + buffered.readUIntLE(1, 6);
      if (buffered.length < size) return;
      onMessage(buffered.subarray(HEADER_BYTES, size));
      buffered = buffered.subarray(size);
    }
  };
});
