/** What a read waits for: a frame, which begins with a header of fixed size that tells the size of the whole. */
export interface FrameDecoder<Content> {
  /** How many bytes `frameLength` needs. */
  readonly headerBytes: number;

  /**
   * The size of the whole frame, its header included. Called once the header is there, which stays; perhaps again with
   * the same header, when the rest was not there yet. What it throws ends the read, and no byte is taken.
   */
  frameLength(header: Buffer): number;

  /** What the caller gets of a whole frame. What it throws ends the read; the frame is taken. */
  decode(frame: Buffer): Content;

  /** As `frameLength`, of the header that begins at `offset`. Optional, with `decodeAt`: saves a view for each header. */
  frameLengthAt?(bytes: Buffer, offset: number): number;

  /** As `decode`, of the frame of `size` bytes that begins at `offset`. */
  decodeAt?(bytes: Buffer, offset: number, size: number): Content;
}

/** Tells the size of a whole frame, its header included, from the header; throws to refuse the frame. */
export type FrameLength = (header: Buffer) => number;

/** Reads frames as they are. */
export class PlainFrameDecoder implements FrameDecoder<Buffer> {
  constructor(
    readonly headerBytes: number,
    readonly frameLength: FrameLength,
  ) {}

  decode(frame: Buffer): Buffer {
    return frame;
  }
}
