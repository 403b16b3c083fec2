import { type Reader } from '../contenders/net_contender';

/**
 * A reader by hand for frames whose header has a length: no copy of a message in one chunk, and one copy of a message in
 * several.
 *
 * @param measure the length of the frame at `offset`, or 0 if its header is not there as a whole.
 * @param valueOf the value of the frame of `length` bytes at `offset`.
 */
export function lengthReader(
  measure: (bytes: Buffer, offset: number) => number,
  valueOf: (bytes: Buffer, offset: number, length: number) => Buffer,
): Reader {
  return (onMessage) => {
    let parts: Buffer[] = [];
    let held = 0;
    let needed = 1;

    function consume(bytes: Buffer): Buffer {
      for (let offset = 0; ; offset += needed) {
        const left = bytes.length - offset;
        needed = measure(bytes, offset);
        if (needed === 0 || left < needed) {
          needed = Math.max(needed, left + 1);
          return bytes.subarray(offset);
        }
        onMessage(valueOf(bytes, offset, needed));
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
  };
}
