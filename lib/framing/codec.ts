import { type FrameDecoder } from '../sockets/connection/frame_decoder';

/**
 * A protocol's messages, as a `FramedSocket` needs them: pure functions from bytes to messages and back. A frame is one
 * message on the wire.
 */
export interface Codec<Message> extends FrameDecoder<Message> {
  /** The header's size in bytes; at least 1. */
  readonly headerBytes: number;

  /**
   * The length in bytes of the frame whose header is at `offset`, the header included.
   *
   * @throws FrameRefusedError the header is enough to refuse the frame: nothing is read or allocated for it.
   */
  frameLength(bytes: Buffer, offset: number): number;

  /**
   * The message in the frame of `length` bytes at `offset`. It may keep views of `bytes`.
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
