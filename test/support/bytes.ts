/** Bytes that differ from their neighbours, so that a lost, a doubled or a moved piece is found. */
export function patternedBytes(length: number, seed = 0): Buffer {
  const bytes = Buffer.alloc(length);
  for (let index = 0; index < length; index++) bytes[index] = (index * 31 + (index >>> 8) * 17 + seed) & 0xff;
  return bytes;
}

/** More bytes than the buffers of a connection hold on both sides, those of the kernel included. */
export const MORE_THAN_BUFFERS = 16 << 20;
