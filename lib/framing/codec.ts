import { type FrameDecoder, type IncompleteFrame } from '../sockets/connection/frame_decoder';

/**
 * A protocol's messages, as a `FramedSocket` needs them: pure functions from bytes to messages and back. A frame is one
 * message on the wire. The messages of the two directions may differ: `In` is received, `Out` is sent.
 */
export interface Codec<In, Out = In> extends FrameDecoder<In> {
  /** The size of the header in bytes, its least if it varies; at least 1. `frameLength` is not called with fewer bytes. */
  readonly headerBytes: number;

  /** The longest frame of the protocol, in bytes: the limit of a `FramedSocket` that has none of its own. */
  readonly maxFrameBytes?: number | undefined;

  /**
   * The length in bytes of the frame at `offset` in `bytes`, its header included; or, as long as that is not known,
   * `{ atLeast }`: how many bytes of the frame are needed, those that are there included.
   *
   * `bytes` ends with the last byte that can be examined. The function may be called several times for one frame.
   *
   * @param before the last answer for this frame, if that was `{ atLeast }`. A codec that searches adds its position to
   * the answer, and goes on there. It may be missing.
   * @throws FrameRefusedError the codec refuses the header. Nothing more is read or allocated for the frame.
   */
  frameLength(bytes: Buffer, offset: number, before?: IncompleteFrame): number | IncompleteFrame;

  /**
   * The message in the frame of `length` bytes at `offset`. It may contain views of `bytes`.
   *
   * @throws FrameRefusedError
   */
  decode(bytes: Buffer, offset: number, length: number): In;

  /**
   * The frame of a message. Its memory must not change before the send has resolved, so no other frame may use it.
   *
   * @throws FrameRefusedError the protocol has no such message: it is too long, or not text.
   */
  encode(message: Out): Buffer;
}
