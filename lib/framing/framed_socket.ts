import { type ReceiveOptions, type WaitOptions } from '../async/deadlines';
import { rejection } from '../async/deferred';
import { type StreamSocket } from '../sockets/stream_socket';
import { type Codec } from './codec';
import { LimitedDecoder } from './frame_limit';

export interface FramedSocketOptions {
  /**
   * The longest frame that is received, in bytes, header included, with any codec. A longer one is refused
   * before memory is taken for it. Default: `maxFrameBytes` of the codec; if it has none, 1,048,576.
   */
  readonly maxFrameBytes?: number | undefined;
}

/**
 * A connected socket that receives whole messages (`In`) and sends them (`Out`). Its user must not receive from the socket
 * underneath.
 *
 * `for await (const message of framed)` receives until the peer ends between two messages, and throws what `receive`
 * throws. `break` closes nothing.
 */
export class FramedSocket<In, Out = In> implements AsyncIterable<In>, AsyncDisposable {
  private readonly decoder: LimitedDecoder<In>;

  /** @throws RangeError `maxFrameBytes` is less than the header of the codec, or `headerBytes` less than 1. */
  constructor(
    readonly socket: StreamSocket,
    private readonly codec: Codec<In, Out>,
    { maxFrameBytes }: FramedSocketOptions = {},
  ) {
    this.decoder = LimitedDecoder.of(codec, maxFrameBytes);
  }

  /**
   * Sends one message, in the order of the calls. Resolves when the kernel has taken it: see `StreamSocket.sendAll`.
   *
   * @throws FrameRefusedError the codec refuses the message; nothing is sent.
   * @throws as `StreamSocket.sendAll` does.
   */
  send(message: Out, options?: WaitOptions): Promise<void> {
    let frame: Buffer;
    try {
      frame = this.codec.encode(message);
    } catch (refused) {
      return rejection(refused);
    }
    return this.socket.sendAll(frame, options);
  }

  /** Sends several messages together. If the codec refuses one of them, none is sent. Throws as `send` does. */
  sendMany(messages: Iterable<Out>, options?: WaitOptions): Promise<void> {
    let frames: Buffer[];
    try {
      frames = Array.from(messages, (message) => this.codec.encode(message));
    } catch (refused) {
      return rejection(refused);
    }
    return this.socket.sendMany(frames, options);
  }

  /**
   * Receives the next message.
   *
   * @param options `idleTimeoutMs` runs until the first byte, `messageTimeoutMs` from the first byte to the last.
   * @returns the message, or `null` if the peer ended between two messages.
   * @throws UnexpectedEofError the peer ended within a message; the error counts that message's bytes, header included.
   * @throws FrameRefusedError the bytes are no message. If the header is refused, or the frame is over the limit, no byte
   * is taken; if the value is refused, the message is taken, and the next one can be received.
   * @throws TimedOutError, AbortedError no byte is taken: the next call receives the whole message.
   * @throws ConcurrentReadError, SocketClosedError, ConnectionLostError
   */
  receive(options?: ReceiveOptions): Promise<In | null> {
    return this.socket.recvMessage(this.decoder, options);
  }

  /** The next message if it is there as a whole, else `undefined`. Never waits; throws as `receive` does. */
  tryReceive(): In | undefined {
    return this.socket.tryRecvMessage(this.decoder);
  }

  /** Closes the socket: see `StreamSocket.close`. */
  async close(): Promise<void> {
    await this.socket.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<In, void, undefined> {
    // A step is never null: see `StepDecoder`.
    return { next: () => this.socket.recvMessage(this.decoder.steps) as Promise<IteratorResult<In, void>> };
  }
}
