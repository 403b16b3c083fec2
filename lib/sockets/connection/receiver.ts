import { requireWholeNumber } from '../../arguments';
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
import { Delimiter } from './delimiter';
import { type FrameDecoder, type IncompleteFrame, PlainFrameDecoder } from './frame_decoder';
import { PendingRead } from './pending_read';
import { ReceiveBuffer } from './receive_buffer';

const DEFAULT_DELIMITER_LIMIT = 65_536;

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
  /** The last answer for the current frame, if its length is not known yet. */
  private examined: ExaminedFrame | undefined;
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
      if (this.isEnded || this.connection.isLost) return Promise.resolve(this.resultAtEnd(decoder, needed));
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

  /**
   * Receives `count` bytes. Throws as `receive` does; with `endIsError`, an end before the first byte is an error too.
   *
   * @throws RangeError `count` is not a whole number of at least 0.
   */
  receiveExactly(
    count: number,
    options: (ReceiveOptions & { readonly endIsError?: boolean | undefined }) | undefined,
  ): Promise<Buffer | null> {
    try {
      requireWholeNumber('count', count, 0);
    } catch (mistake) {
      return rejection(mistake);
    }
    const read = this.receive(new PlainFrameDecoder(0, () => count), options);
    return options?.endIsError === true ? this.withoutEnd(read, count) : read;
  }

  /**
   * Receives the buffered bytes, at most `limit`; waits for the first byte only. Throws as `receive` does.
   *
   * @throws RangeError `limit` is not a whole number of at least 1.
   */
  receiveAvailable(limit: number, options: ReceiveOptions | undefined): Promise<Buffer | null> {
    try {
      requireWholeNumber('limit', limit, 1);
    } catch (mistake) {
      return rejection(mistake);
    }
    return this.receive(new PlainFrameDecoder(1, () => Math.min(limit, this.buffer.length)), options);
  }

  /**
   * Receives the bytes up to and with the delimiter, whose string stands for its UTF-8 bytes.
   *
   * @throws DelimiterNotFoundError there is none in the first `limit` bytes; no byte is taken. Else as `receive` does.
   * @throws RangeError the delimiter is empty, or longer than `limit`.
   */
  async receiveUntil(
    text: string | Uint8Array,
    limit: number = DEFAULT_DELIMITER_LIMIT,
    options?: ReceiveOptions,
  ): Promise<Buffer | null> {
    const bytes = Buffer.from(text as Uint8Array);
    requireWholeNumber('delimiter.length', bytes.length, 1);
    requireWholeNumber('limit', limit, bytes.length);
    const delimiter = new Delimiter(bytes);
    const frameLength: FrameDecoder<Buffer>['frameLength'] = (received, offset, before) => {
      const length = delimiter.frameLength(received, offset, before);
      const available = received.length - offset;
      if (length > limit || (length === -1 && available >= limit)) {
        throw new DelimiterNotFoundError(this.connection.endpoints, limit);
      }
      return length === -1 ? delimiter.moreThan(available) : length;
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
    if (!this.connection.isClosedHere) return;
    this.buffer.clear();
    this.examined = undefined;
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
      read.resolve(this.resultAtEnd(read.decoder, read.needed));
    } catch (error) {
      read.reject(error);
    }
  }

  /** @throws the error of a read that gets no more bytes; without one, the end is clean. */
  private resultAtEnd<Content>(decoder: FrameDecoder<Content>, needed: number): Content | null {
    const { connection } = this;
    const received = this.buffer.length;
    if (connection.isClosedHere || (connection.isLost && !this.isEnded)) {
      throw connection.endError('receive', undefined, { received, expected: needed });
    }
    if (received > 0) throw new UnexpectedEofError(connection.endpoints, received, needed);
    return decoder.contentAtEnd ?? null;
  }

  private startMessageClock(read: PendingRead<unknown>): void {
    if (read.hasMessageClock) this.messageBegunAt ??= performance.now();
    read.startMessageClock(this.messageBegunAt);
  }

  /**
   * The number of bytes without which the frame cannot be taken. If as many are buffered, it is the length of the frame.
   */
  private bytesNeeded(decoder: FrameDecoder<unknown>): number {
    const { headerBytes } = decoder;
    if (this.examined?.decoder === decoder) return this.examineMore(this.examined);
    if (this.buffer.length < headerBytes) return headerBytes;
    const bytes = this.buffer.join(headerBytes);
    const answer = decoder.frameLength(bytes, this.buffer.offset);
    if (typeof answer === 'number') return requireFrameLength(answer, headerBytes);
    return this.examineMore({ decoder, answer, shown: bytes.length - this.buffer.offset });
  }

  /**
   * Gives the decoder further bytes, as long as it needs more and they are buffered. They are joined for it, each time
   * about twice as many, so no byte is copied often.
   */
  private examineMore({ decoder, answer, shown }: ExaminedFrame): number {
    for (;;) {
      const atLeast = requireMoreThan(shown, answer.atLeast);
      if (this.examined?.answer !== answer) this.examined = { decoder, answer, shown };
      if (this.buffer.length < atLeast) return atLeast;
      const bytes = this.buffer.join(Math.min(this.buffer.length, Math.max(atLeast, 2 * shown)));
      shown = bytes.length - this.buffer.offset;
      const next = decoder.frameLength(bytes, this.buffer.offset, answer);
      if (typeof next === 'number') return requireFrameLength(next, decoder.headerBytes);
      answer = next;
    }
  }

  /** Takes the frame of `length` bytes, which is buffered as a whole: where it lies in one chunk, without a copy. */
  private takeFrame<Content>(decoder: FrameDecoder<Content>, length: number): Content {
    const chunk = this.buffer.chunkHolding(length);
    const bytes = chunk ?? this.buffer.peek(length);
    const offset = chunk === undefined ? 0 : this.buffer.offset;
    this.buffer.drop(length);
    this.messageBegunAt = undefined;
    this.examined = undefined;
    this.resume();
    return decoder.decode(bytes, offset, length);
  }

  private async withoutEnd(read: Promise<Buffer | null>, count: number): Promise<Buffer> {
    const bytes = await read;
    if (bytes === null) throw new UnexpectedEofError(this.connection.endpoints, 0, count);
    return bytes;
  }

  /** The number of buffered bytes above which the stream is paused. */
  private get highWaterMark(): number {
    return Math.max(this.bufferLimit, this.pendingRead?.needed ?? 0);
  }
}

/** The last answer of a decoder for the frame at the beginning of the buffer. */
interface ExaminedFrame {
  readonly decoder: FrameDecoder<unknown>;
  readonly answer: IncompleteFrame;
  /** The number of bytes of the frame that the decoder had for it. */
  readonly shown: number;
}

/** @throws RangeError the decoder has given a length that no frame has. */
function requireFrameLength(length: number, headerBytes: number): number {
  if (Number.isSafeInteger(length) && length >= headerBytes) return length;
  throw new RangeError(`a frame of ${length} bytes cannot have a header of ${headerBytes}`);
}

/** @throws RangeError the decoder has asked for bytes that it was shown: it would ask for ever. */
function requireMoreThan(shown: number, atLeast: number): number {
  if (Number.isSafeInteger(atLeast) && atLeast > shown) return atLeast;
  throw new RangeError(`a decoder that has seen ${shown} bytes cannot ask for ${atLeast}`);
}
