import { type FrameDecoder } from '../sockets/connection/frame_decoder';

/**
 * What a `FramedSocket` needs to know of a protocol: pure functions from bytes to messages and back. A frame is one
 * message on the wire: a header of fixed size, which tells the size of the whole, and the rest.
 */
export interface Codec<Message> extends FrameDecoder<Message> {
  /** The header's size in bytes; at least 1. */
  readonly headerBytes: number;

  /**
   * The size in bytes of the frame that begins with this header, the header included.
   *
   * @throws FrameRefusedError where the header is enough to refuse it: before anything is read or allocated for it.
   */
  frameLength(header: Buffer): number;

  /**
   * The message that a whole frame holds. It may keep views of `frame`.
   *
   * @throws FrameRefusedError
   */
  decode(frame: Buffer): Message;

  /**
   * The frame of a message.
   *
   * @throws FrameRefusedError where the protocol has no such message: too long, not text.
   */
  encode(message: Message): Buffer;
}
