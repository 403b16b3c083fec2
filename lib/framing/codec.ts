import { type FrameDecoder } from '../sockets/connection/frame_decoder';

/**
 * A protocol's messages, as a `FramedSocket` needs them: pure functions from bytes to messages and back. A frame is one
 * message on the wire.
 */
export interface Codec<Message> extends FrameDecoder<Message> {
  /** The header's size in bytes; at least 1. */
  readonly headerBytes: number;

  /**
   * The length in bytes of the frame with the header at `offset`, the header included.
   *
   * @throws FrameRefusedError the codec refuses the header. Nothing more is read or allocated for the frame.
   */
  frameLength(bytes: Buffer, offset: number): number;

  /**
   * The message in the frame of `length` bytes at `offset`. It may contain views of `bytes`.
   *
   * @throws FrameRefusedError
   */
  decode(bytes: Buffer, offset: number, length: number): Message;

  /**
   * The frame of a message.
   *
   * @throws FrameRefusedError the protocol has no such message: it is too long, or not text.
   */
  encode(message: Message): Buffer;
}
