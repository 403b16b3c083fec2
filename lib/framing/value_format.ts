import { InvalidTextError } from './errors';

/** A value as bytes, or as text, which stands for its UTF-8 bytes. */
export type EncodedValue = Uint8Array | string;

/** The encoding of a message's value: `In` is received, `Out` is sent. */
export interface ValueFormat<In, Out = In> {
  /**
   * The encoded value. It is called once for each message.
   *
   * @throws FrameRefusedError the format has no such value.
   */
  encode(value: Out): EncodedValue;
  /**
   * The value that these bytes encode; it may be a view of them.
   *
   * @throws FrameRefusedError the bytes are no value.
   */
  decode(bytes: Buffer): In;
}

/** The value is its bytes. Decoding gives a view, not a copy. */
export const rawBytes: ValueFormat<Buffer, Uint8Array> = {
  encode: (value) => value,
  decode: (bytes) => bytes,
};

/**
 * The value is text in strict UTF-8, both ways: malformed input is an `InvalidTextError`, never replaced by U+FFFD. A byte
 * order mark is part of the text.
 */
export const utf8Text: ValueFormat<string> = {
  encode: (value) => value,
  decode: decodeUtf8,
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
