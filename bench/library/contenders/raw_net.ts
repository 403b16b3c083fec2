import { HEADER_BYTES } from '../contender';
import { netContender } from './net_contender';

/** The reference: no copy of a message in one chunk, and one copy of a message in several. */
export const rawNet = netContender((onMessage) => {
  let parts: Buffer[] = [];
  let held = 0;
  let needed = HEADER_BYTES;

  function consume(bytes: Buffer): Buffer {
    let offset = 0;
    for (;;) {
      const left = bytes.length - offset;
      if (left < HEADER_BYTES) {
        needed = HEADER_BYTES;
        return bytes.subarray(offset);
      }
      const size = HEADER_BYTES + bytes.readUIntLE(offset + 1, 6);
      if (left < size) {
        needed = size;
        return bytes.subarray(offset);
      }
      onMessage(bytes.subarray(offset + HEADER_BYTES, offset + size));
      offset += size;
    }
  }

  return (chunk) => {
    held += chunk.length;
    if (held < needed) {
      parts.push(chunk);
      return;
    }
    const rest = consume(parts.length === 0 ? chunk : Buffer.concat([...parts, chunk], held));
    parts = rest.length === 0 ? [] : [rest];
    held = rest.length;
  };
});
