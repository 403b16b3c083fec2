import { InvalidTextError } from './errors';
import { type EncodedValue } from './value_format';

/**
 * The size of an encoded value in bytes.
 *
 * @throws InvalidTextError the text has no UTF-8.
 */
export function sizeOfEncoded(encoded: EncodedValue): number {
  if (typeof encoded !== 'string') return encoded.length;
  if (!encoded.isWellFormed()) throw new InvalidTextError('a string with half of a surrogate pair has no UTF-8');
  return Buffer.byteLength(encoded, 'utf8');
}

/** Writes an encoded value into `target` at `offset`. There must be room for it. */
export function writeEncoded(encoded: EncodedValue, target: Buffer, offset: number): void {
  if (typeof encoded === 'string') target.write(encoded, offset, 'utf8');
  else target.set(encoded, offset);
}
