import { InvalidTextError } from './errors';

/** The encoding of a message's value as bytes. */
export interface ValueFormat<Value> {
  /** The size of the encoded value, in bytes. */
  byteLength(value: Value): number;
  /** Writes the encoded value into `target` at `offset`. There is room for `byteLength` bytes. */
  write(value: Value, target: Buffer, offset: number): void;
  /** The value that these bytes encode; it may be a view of them. */
  read(bytes: Buffer): Value;
}

/** The value is its bytes. Reading gives a view, not a copy. */
export const rawBytes: ValueFormat<Uint8Array> & { read(bytes: Buffer): Buffer } = {
  byteLength: (value) => value.length,
  write: (value, target, offset) => target.set(value, offset),
  read: (bytes) => bytes,
};

/**
 * The value is text in strict UTF-8, both ways: malformed input is an `InvalidTextError`, never replaced by U+FFFD. A byte
 * order mark is part of the text.
 */
export const utf8Text: ValueFormat<string> = {
  byteLength(value) {
    if (!value.isWellFormed()) throw new InvalidTextError('a string with half of a surrogate pair has no UTF-8');
    return Buffer.byteLength(value, 'utf8');
  },
  write: (value, target, offset) => void target.write(value, offset, 'utf8'),
  read: decodeUtf8,
};

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws InvalidTextError */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return strictDecoder.decode(bytes);
  } catch (cause) {
    throw new InvalidTextError('the bytes are not UTF-8', cause);
  }
}
