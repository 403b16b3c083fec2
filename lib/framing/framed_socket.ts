import { type StreamSocket } from '../sockets/stream_socket';
import { rejection } from '../async/deferred';
import { type ReceiveOptions, type WaitOptions } from '../async/deadlines';
import { type Codec } from './codec';

/**
 * Whole messages over a connected socket. The channel owns the socket's reading: do not receive from both.
 *
 * `for await (const message of channel)` receives until the peer ends cleanly and throws what `receive` throws.
 * Leaving the loop by `break` closes nothing.
 */
export class FramedSocket<Message> implements AsyncIterable<Message>, AsyncDisposable {
  constructor(
    readonly socket: StreamSocket,
    private readonly codec: Codec<Message>,
  ) {}

  /**
   * Sends one message, in the order of the calls; resolves when the kernel has taken it: see `StreamSocket.sendAll`.
   *
   * @throws FrameRefusedError the codec has no such message; nothing is sent.
   * @throws as `StreamSocket.sendAll` does.
   */
  send(message: Message, options?: WaitOptions): Promise<void> {
    let frame: Buffer;
    try {
      frame = this.codec.encode(message);
    } catch (refused) {
      return rejection(refused);
    }
    return this.socket.sendAll(frame, options);
  }

  /** Sends several messages, which leave together: all of them, or none where the codec refuses one. */
  async sendMany(messages: Iterable<Message>, options?: WaitOptions): Promise<void> {
    return this.socket.sendMany(
      Array.from(messages, (message) => this.codec.encode(message)),
      options,
    );
  }

  /**
   * Receives the next message.
   *
   * @param options `idleTimeoutMs` runs until its first byte, `messageTimeoutMs` from the first to the last.
   * @returns the message, or `null` where the peer ended cleanly: between two messages.
   * @throws UnexpectedEofError the peer ended inside a message; it counts that message's bytes, header included.
   * @throws FrameRefusedError what comes is no message. Refused from its header, no byte of it is taken; refused for
   * its value, it is taken, and the next message can be received.
   * @throws TimedOutError, AbortedError no byte is taken: the next call receives the whole message.
   * @throws ConcurrentReadError, SocketClosedError, ConnectionLostError
   */
  receive(options?: ReceiveOptions): Promise<Message | null> {
    return this.socket.recvMessage(this.codec, options);
  }

  /** The next message where it has come as a whole, else `undefined`. Never waits; throws as `receive` does. */
  tryReceive(): Message | undefined {
    return this.socket.tryRecvMessage(this.codec);
  }

  /** Closes the socket: see `StreamSocket.close`. */
  async close(): Promise<void> {
    await this.socket.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<Message, void, undefined> {
    return { next: () => this.nextIteration() };
  }

  private nextIteration(): Promise<IteratorResult<Message, void>> {
    try {
      // One promise for a message that is there already, not two.
      const ready = this.tryReceive();
      return ready === undefined ? this.receive().then(toIteration) : Promise.resolve(toIteration(ready));
    } catch (error) {
      return rejection(error);
    }
  }
}

function toIteration<Message>(message: Message | null): IteratorResult<Message, void> {
  return message === null ? { done: true, value: undefined } : { done: false, value: message };
}
