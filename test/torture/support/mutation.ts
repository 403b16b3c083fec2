import { type SeededRandom } from './seeded_random';

/** Bytes with one to three changes: a changed, missing, repeated or inserted part, or a cut. */
export function mutated(random: SeededRandom, original: Buffer): Buffer {
  let bytes = Buffer.from(original);
  for (let change = random.below(3); change >= 0; change--) {
    const at = random.below(bytes.length + 1);
    const end = Math.min(bytes.length, at + 1 + random.below(8));
    const [before, part, after] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
    const kind = random.below(5);
    if (kind === 0) bytes = Buffer.concat([before, random.bytes(part.length), after]);
    else if (kind === 1) bytes = Buffer.concat([before, after]);
    else if (kind === 2) bytes = Buffer.concat([before, part, part, after]);
    else if (kind === 3) bytes = Buffer.concat([before, random.bytes(1 + random.below(20)), part, after]);
    else bytes = Buffer.from(before);
  }
  return bytes;
}

/** Bytes with one bit of the other value. */
export function withFlippedBit(random: SeededRandom, original: Buffer): Buffer {
  const bytes = Buffer.from(original);
  const at = random.below(bytes.length);
  bytes[at] = bytes[at]! ^ (1 << random.below(8));
  return bytes;
}

/**
 * Bytes with another number in two or three of them: the length of something, in TLS. Half of the time it is one of the
 * first twelve bytes, which hold the lengths of the record and of the message.
 */
export function withOtherLength(random: SeededRandom, original: Buffer): Buffer {
  const bytes = Buffer.from(original);
  const size = random.between(2, 3);
  if (bytes.length < size) return bytes;
  const last = bytes.length - size;
  const at = random.below(random.once(2) ? Math.min(12, last + 1) : last + 1);
  const most = 2 ** (8 * size) - 1;
  const present = bytes.readUIntBE(at, size);
  const lengths = [0, 1, present - 1, present + 1, 2 * present, 0x4000, 0x4001, most >> 1, most];
  bytes.writeUIntBE(Math.min(most, Math.max(0, random.pick(lengths))), at, size);
  return bytes;
}

/** The bytes in one to four pieces. */
export function pieces(random: SeededRandom, bytes: Buffer): Buffer[] {
  const cuts = Array.from({ length: random.below(4) }, () => random.below(bytes.length + 1)).sort((a, b) => a - b);
  return [0, ...cuts].map((from, index) => bytes.subarray(from, cuts[index]));
}
