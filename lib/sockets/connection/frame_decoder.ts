/**
 * Splits received bytes into frames. A frame begins with a header of fixed size, and the header gives the length of the
 * frame.
 *
 * Both functions are pure. Their arguments are bytes of the receive buffer and an offset, which saves a view of the
 * buffer for each call. They must not read bytes outside the header or the frame.
 */
export interface FrameDecoder<Content> {
  /** The header's size in bytes. */
  readonly headerBytes: number;

  /**
   * The length in bytes of the frame, its header included.
   *
   * It is called when the header is complete, at `offset` in `bytes`, possibly several times for one header. A thrown
   * error fails the read; no byte is taken.
   */
  frameLength(bytes: Buffer, offset: number): number;

  /**
   * The content of the frame of `length` bytes at `offset` in `bytes`. It may contain views of `bytes`.
   *
   * A thrown error fails the read; the frame is taken.
   */
  decode(bytes: Buffer, offset: number, length: number): Content;
}

/** The length in bytes of the frame with this header. An error refuses the frame. */
export type FrameLength = (header: Buffer) => number;

/** Returns frames as bytes, their header included. */
export class PlainFrameDecoder implements FrameDecoder<Buffer> {
  constructor(
    readonly headerBytes: number,
    readonly frameLength: FrameDecoder<Buffer>['frameLength'],
  ) {}

  decode(bytes: Buffer, offset: number, length: number): Buffer {
    return bytes.subarray(offset, offset + length);
  }
}
