import { type Cancellable, checkWaitOptions, type ReceiveOptions } from '../../async/deadlines';
import { rejection } from '../../async/deferred';
import {
  AbortedError,
  ConcurrentReadError,
  DelimiterNotFoundError,
  type SocketError,
  UnexpectedEofError,
} from '../../errors';
import { type Connection, type Incoming } from './connection';
import { type FrameDecoder, PlainFrameDecoder } from './frame_decoder';
import { PendingRead } from './pending_read';
import { ReceiveBuffer } from './receive_buffer';

/**
 * The incoming direction of a connection: the buffered bytes and at most one pending read.
 *
 * **Reads.** A read takes a whole frame or no byte. It resolves at once if the frame is buffered, and waits otherwise.
 * A second read during a pending one fails with `ConcurrentReadError`, and the first one continues. A deadline, a
 * signal or `cancelRead` ends a read, and no byte is taken: the next read begins at the same byte.
 *
 * **Pause.** The stream is paused while the buffer holds more bytes than its limit, or than the pending read needs if
 * that is more.
 *
 * **End of stream.** Buffered bytes can still be read. After the last one a read gives `null`, or fails with
 * `UnexpectedEofError` within a frame. Every further read gives the same result.
 *
 * **Loss.** The same as the end, with `ConnectionLostError`. A loss after the peer's end is not reported.
 *
 * **Close on this side.** The pending read and all later ones fail with `SocketClosedError`. Buffered bytes and later
 * ones are dropped.
 */
export class Receiver implements Incoming, Cancellable {
  isEnded = false;
  private readonly buffer = new ReceiveBuffer();
  private pendingRead: PendingRead<unknown> | undefined;
  /** When the first byte of the current message was seen, by `performance.now()`, if a read has a message clock. */
  private messageBegunAt: number | undefined;
  private isPaused = false;

  /** @param bufferLimit how many bytes are buffered, at least 1, before the stream is paused. */
  constructor(
    private readonly connection: Connection,
    private readonly bufferLimit: number,
  ) {}

  /** Whether a read waits. */
  get isReading(): boolean {
    return this.pendingRead !== undefined;
  }

  get bufferedBytes(): number {
    return this.buffer.length;
  }

  /**
   * Receives one frame.
   *
   * @returns its content, by `decoder`, or `null` if the peer ended before its first byte.
   * @throws SocketClosedError, ConnectionLostError, SocketStateError (not connected), ConcurrentReadError,
   * UnexpectedEofError, TimedOutError, AbortedError, an error of `decoder`; always by the promise.
   */
  receive<Content>(decoder: FrameDecoder<Content>, options: ReceiveOptions | undefined): Promise<Content | null> {
    try {
      checkWaitOptions('receive', this.connection.endpoints, options);
      this.requireReadable();
      const needed = this.bytesNeeded(decoder);
      if (this.buffer.length >= needed) return Promise.resolve(this.takeFrame(decoder, needed));
      if (this.isEnded || this.connection.isLost) return Promise.resolve(this.resultAtEnd(needed));
      return this.wait(decoder, needed, options);
    } catch (error) {
      return rejection(error);
    }
  }

  /**
   * The frame if it is buffered as a whole, else `undefined`. An end or a loss is left to `receive`.
   *
   * @throws SocketClosedError, SocketStateError, ConcurrentReadError, an error of `decoder`
   */
  tryReceive<Content>(decoder: FrameDecoder<Content>): Content | undefined {
    this.requireReadable();
    const needed = this.bytesNeeded(decoder);
    return this.buffer.length < needed ? undefined : this.takeFrame(decoder, needed);
  }

  /** Receives the buffered bytes, at most `limit`; waits for the first byte only. Throws as `receive` does. */
  receiveAvailable(limit: number, options: ReceiveOptions | undefined): Promise<Buffer | null> {
    return this.receive(new PlainFrameDecoder(1, () => Math.min(limit, this.buffer.length)), options);
  }

  /**
   * Receives the bytes up to and with `delimiter`.
   *
   * @throws DelimiterNotFoundError there is none in the first `limit` bytes; no byte is taken. Else as `receive` does.
   */
  receiveUntil(delimiter: Buffer, limit: number, options: ReceiveOptions | undefined): Promise<Buffer | null> {
    let searched = 0;
    const frameLength = (): number => {
      const buffered = this.buffer.length;
      const found = this.buffer.indexOf(delimiter, searched);
      if (found !== -1 && found + delimiter.length <= limit) return found + delimiter.length;
      if (found !== -1 || buffered >= limit) throw new DelimiterNotFoundError(this.connection.endpoints, limit);
      searched = Math.max(0, buffered - delimiter.length + 1);
      return buffered + 1;
    };
    return this.receive(new PlainFrameDecoder(delimiter.length, frameLength), options);
  }

  /** Fails the waiting read, if there is one, with `AbortedError`; `reason` is its cause. */
  cancelRead(reason: unknown): void {
    if (this.pendingRead !== undefined) this.cancel(new AbortedError('receive', this.connection.endpoints, reason));
  }

  /** Fails the waiting read, if there is one. */
  cancel(error: SocketError): void {
    const read = this.pendingRead;
    this.pendingRead = undefined;
    read?.reject(error);
  }

  onData(chunk: Buffer): void {
    if (this.connection.isClosedHere) return;
    this.buffer.push(chunk);
    if (this.pendingRead !== undefined) this.completePendingRead(this.pendingRead);
    if (!this.isPaused && this.buffer.length > this.highWaterMark) {
      this.isPaused = true;
      this.connection.stream.pause();
    }
  }

  onEnd(): void {
    this.isEnded = true;
    this.settlePendingReadAtEnd();
  }

  onConnectionEnd(): void {
    this.settlePendingReadAtEnd();
    if (this.connection.isClosedHere) this.buffer.clear();
  }

  /** Resumes the stream if it is paused and no more bytes are buffered than may be. */
  resume(): void {
    if (!this.isPaused || this.buffer.length > this.highWaterMark) return;
    this.isPaused = false;
    this.connection.stream.resume();
  }

  private requireReadable(): void {
    this.connection.requireOpened('receive');
    if (this.pendingRead !== undefined) throw new ConcurrentReadError(this.connection.endpoints);
  }

  private wait<Content>(
    decoder: FrameDecoder<Content>,
    needed: number,
    options: ReceiveOptions | undefined,
  ): Promise<Content | null> {
    const read = new PendingRead(decoder, needed, options, this.connection.endpoints, this);
    this.pendingRead = read as PendingRead<unknown>;
    if (this.buffer.length === 0) read.startIdleClock();
    else this.startMessageClock(this.pendingRead);
    this.resume();
    return read.promise;
  }

  private completePendingRead(read: PendingRead<unknown>): void {
    try {
      if (this.buffer.length >= read.needed) read.needed = this.bytesNeeded(read.decoder);
      if (this.buffer.length < read.needed) {
        this.startMessageClock(read);
        return;
      }
      this.pendingRead = undefined;
      read.resolve(this.takeFrame(read.decoder, read.needed));
    } catch (refused) {
      this.pendingRead = undefined;
      read.reject(refused);
    }
  }

  /** Settles the waiting read, which gets no more bytes: with `null`, or with the error of the end. */
  private settlePendingReadAtEnd(): void {
    const read = this.pendingRead;
    if (read === undefined) return;
    this.pendingRead = undefined;
    try {
      read.resolve(this.resultAtEnd(read.needed));
    } catch (error) {
      read.reject(error);
    }
  }

  /** @throws the error of a read that gets no more bytes; `null` is the clean end. */
  private resultAtEnd(needed: number): null {
    const { connection } = this;
    const received = this.buffer.length;
    if (connection.isClosedHere || (connection.isLost && !this.isEnded)) {
      throw connection.endError('receive', undefined, { received, expected: needed });
    }
    if (received > 0) throw new UnexpectedEofError(connection.endpoints, received, needed);
    return null;
  }

  private startMessageClock(read: PendingRead<unknown>): void {
    if (read.hasMessageClock) this.messageBegunAt ??= performance.now();
    read.startMessageClock(this.messageBegunAt);
  }

  /** The length of the frame, or of its header as long as that is not buffered as a whole. */
  private bytesNeeded(decoder: FrameDecoder<unknown>): number {
    const { headerBytes } = decoder;
    if (this.buffer.length < headerBytes) return headerBytes;
    const chunk = this.buffer.chunkHolding(headerBytes);
    const length =
      chunk === undefined
        ? decoder.frameLength(this.buffer.peek(headerBytes), 0)
        : decoder.frameLength(chunk, this.buffer.offset);
    if (Number.isSafeInteger(length) && length >= headerBytes) return length;
    throw new RangeError(`a frame of ${length} bytes cannot have a header of ${headerBytes}`);
  }

  /** Takes the frame of `length` bytes, which is buffered as a whole: where it lies in one chunk, without a copy. */
  private takeFrame<Content>(decoder: FrameDecoder<Content>, length: number): Content {
    const chunk = this.buffer.chunkHolding(length);
    const bytes = chunk ?? this.buffer.peek(length);
    const offset = chunk === undefined ? 0 : this.buffer.offset;
    this.buffer.drop(length);
    this.messageBegunAt = undefined;
    this.resume();
    return decoder.decode(bytes, offset, length);
  }

  /** The number of buffered bytes above which the stream is paused. */
  private get highWaterMark(): number {
    return Math.max(this.bufferLimit, this.pendingRead?.needed ?? 0);
  }
}
