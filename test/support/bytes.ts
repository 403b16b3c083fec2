/** The period of the pattern, a prime: no chunk of a power of two repeats it. */
const PERIOD = 65_521;

/** Bytes that differ from their neighbours, so that a lost, a doubled or a moved piece is found. */
export function patternedBytes(length: number, seed = 0): Buffer {
  const block = Buffer.alloc(PERIOD);
  for (let index = 0; index < PERIOD; index++) block[index] = (index * 31 + (index >>> 8) * 17 + seed) & 0xff;
  return Buffer.alloc(length, block);
}

/** More bytes than the buffers of a connection hold on both sides, those of the kernel included. */
export const MORE_THAN_BUFFERS = 16 << 20;
