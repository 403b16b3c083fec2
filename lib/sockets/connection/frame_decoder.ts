import { requireWholeNumber } from '../../arguments';

/**
 * The answer of a decoder that needs more bytes before it can give the length of a frame.
 *
 * It is passed back with the next call for the same frame. A decoder that extends it by its findings, as the position
 * that it has reached, examines no byte twice, however slowly the bytes come.
 */
export interface IncompleteFrame {
  /** The number of bytes of the frame, those that are there included, without which no further call makes sense. */
  readonly atLeast: number;
}

/**
 * Splits received bytes into frames: headers of fixed size, headers whose size varies, delimiters, messages of several
 * parts.
 *
 * Both functions are pure. Their arguments are bytes of the receive buffer and an offset, which saves a view of the
 * buffer for each call. They must not keep `bytes`, or read bytes in front of `offset`.
 */
export interface FrameDecoder<Content> {
  /** The number of bytes without which `frameLength` is not called: the size of the header, its least if it varies. */
  readonly headerBytes: number;

  /**
   * The length in bytes of the frame at `offset` in `bytes`, its header included; or, as long as that is not known, how
   * many bytes of the frame are needed.
   *
   * `bytes` ends with the last byte that can be examined: at least `headerBytes` from `offset`, perhaps more than the
   * frame, perhaps fewer bytes than have come. The function may be called several times for one frame. A thrown error
   * fails the read; no byte is taken.
   *
   * @param before the last answer for this frame, if that asked for more bytes. It may be missing: then the frame is
   * examined from its beginning.
   */
  frameLength(bytes: Buffer, offset: number, before?: IncompleteFrame): number | IncompleteFrame;

  /** The result of a read at the peer's end, in the place of `null`. @internal */
  readonly contentAtEnd?: Content;

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

/**
 * The decoder of frames with a header of fixed size.
 *
 * @throws RangeError `headerBytes` is not a whole number of at least 1.
 */
export function headerDecoder(headerBytes: number, frameLength: FrameLength): PlainFrameDecoder {
  requireWholeNumber('headerBytes', headerBytes, 1);
  return new PlainFrameDecoder(headerBytes, (bytes, offset) =>
    frameLength(bytes.subarray(offset, offset + headerBytes)),
  );
}
