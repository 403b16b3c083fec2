/**
 * Splits received bytes into frames: units that begin with a header of fixed size, which gives the length of the whole.
 *
 * Both functions are pure. They get the bytes as they lie in the receive buffer, with an offset, so that no view of the
 * buffer is made for each call. They may read the part that is theirs, and nothing outside.
 */
export interface FrameDecoder<Content> {
  /** The header's size in bytes. */
  readonly headerBytes: number;

  /**
   * The length in bytes of the whole frame, its header included.
   *
   * It is called when the header is there, at `offset` in `bytes`, and may be called again for the same header. An error
   * that it throws fails the read; no byte is taken.
   */
  frameLength(bytes: Buffer, offset: number): number;

  /**
   * The content of the frame of `length` bytes at `offset` in `bytes`. It may keep views of `bytes`.
   *
   * An error that it throws fails the read; the frame is taken.
   */
  decode(bytes: Buffer, offset: number, length: number): Content;
}

/** The length of a whole frame, given its header; throws to refuse the frame. */
export type FrameLength = (header: Buffer) => number;

/** Gives frames as bytes, header and all. */
export class PlainFrameDecoder implements FrameDecoder<Buffer> {
  constructor(
    readonly headerBytes: number,
    readonly frameLength: FrameDecoder<Buffer>['frameLength'],
  ) {}

  decode(bytes: Buffer, offset: number, length: number): Buffer {
    return bytes.subarray(offset, offset + length);
  }
}
