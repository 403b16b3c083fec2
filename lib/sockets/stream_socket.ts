import { type Duplex } from 'node:stream';
import { requireByteArray, requireWholeNumber } from '../arguments';
import { type Address, localAddressOf, remoteAddressOf } from '../address';
import { Deferred, rejection } from '../async/deferred';
import {
  AbortedError,
  ConcurrentReadError,
  ConnectionLostError,
  DelimiterNotFoundError,
  type Endpoints,
  type Operation,
  SocketClosedError,
  type SocketError,
  SocketStateError,
  UnexpectedEofError,
} from '../errors';
import { type FrameDecoder, type FrameLength, PlainFrameDecoder } from './connection/frame_decoder';
import { PendingRead } from './connection/pending_read';
import { ReceiveBuffer } from './connection/receive_buffer';
import { WriteBatch } from './connection/write_batch';
import { confirmEnd, destroyAfterNotice, destroyWithReset } from './platform/stream_close';
import { checkWaitOptions, type ReceiveOptions, type WaitOptions } from '../async/deadlines';
import { Waiter } from '../async/waiter';

/** How the bytes of a connection are kept while nobody takes them. */
export interface BufferOptions {
  /**
   * Reading from the network pauses while more than so many bytes wait to be received, or at the size of the read
   * that waits, where that is larger. At most one chunk of the stream (64 KiB for TCP) comes on top. Default: 65536.
   */
  readonly receiveBufferBytes?: number;
}

const DEFAULT_RECEIVE_BUFFER_BYTES = 65_536;
const NO_ENDPOINTS: Endpoints = {};

/** Where a stream keeps the socket that has adopted it. */
const SOCKET = Symbol('socket');
type Adopted = Duplex & { [SOCKET]: StreamSocket };

/**
 * What both ends of a connection share: receiving, sending and closing, over any `Duplex` (TCP, TLS, a Unix socket, an
 * in-memory pair). There is one permanent reader; bytes wait in a bounded buffer until a call takes them.
 *
 * **Waiting.** Every call that waits is settled by what it waits for, by its `timeoutMs`, by its `signal`, by `close()`
 * on this side (`SocketClosedError`), by the peer's end (`null` or `UnexpectedEofError`) or by the loss of the
 * connection (`ConnectionLostError`). None waits for ever.
 *
 * **After the end.** Bytes that came before the peer ended, or before the connection was lost, can still be received;
 * the end or the loss is reported behind them. After `close()` nothing can.
 */
export abstract class StreamSocket implements AsyncDisposable {
  /** One set of functions for all streams, not four closures for each: ten thousand connections cost memory. */
  private static readonly listeners = {
    onError: function (this: Duplex, cause: Error): void {
      (this as Adopted)[SOCKET].onLost(cause);
    },
    onClose: function (this: Duplex): void {
      (this as Adopted)[SOCKET].onClose();
    },
    onEnd: function (this: Duplex): void {
      (this as Adopted)[SOCKET].onEnd();
    },
    onData: function (this: Duplex, chunk: Buffer): void {
      (this as Adopted)[SOCKET].onData(chunk);
    },
  };

  private stream: Duplex | undefined;
  private endpoints: Endpoints = NO_ENDPOINTS;

  private readonly received = new ReceiveBuffer();
  private readonly receiveBufferBytes: number;
  private pendingRead: PendingRead<unknown> | undefined;
  /** When the message that is being received was begun, by the monotonic clock, where a read has asked for it. */
  private messageBegunAt: number | undefined;
  private paused = false;
  /** The peer has ended its side: no byte will come behind those that wait. */
  private readEnded = false;

  /** What was sent in this turn of the event loop, and has not been written yet. */
  private gathering: WriteBatch | undefined;
  /** What was written, and the stream has not passed on yet: the oldest batch, and the newest of those behind it. */
  private oldestInFlight: WriteBatch | undefined;
  private newestInFlight: WriteBatch | undefined;
  /** Tells the stream's word on the batch written first to `onWritten`: one function for all. */
  private toldOfWritten: ((error: Error | null | undefined) => void) | undefined;
  private writeEnd: Deferred<void> | undefined;

  /** `connect` has succeeded, or the connection was there from the start. */
  private connected = false;
  private closedHere = false;
  private lost = false;
  private lossCause: unknown;
  private isGone = false;
  private gone: Deferred<void> | undefined;

  /** @throws RangeError an option that is no number of bytes. */
  protected constructor(options: BufferOptions) {
    this.receiveBufferBytes = options.receiveBufferBytes ?? DEFAULT_RECEIVE_BUFFER_BYTES;
    requireWholeNumber('receiveBufferBytes', this.receiveBufferBytes, 1);
  }

  /** This end's address, from the moment the connection was there; it stays known after it is gone. */
  get localAddress(): Address | undefined {
    return this.endpoints.local;
  }

  /** The peer's address; the same holds. */
  get remoteAddress(): Address | undefined {
    return this.endpoints.remote;
  }

  /** How many received bytes wait to be taken. */
  get bufferedBytes(): number {
    return this.received.length;
  }

  /** True once `close()`, `reset()` or `lingeringClose()` was called, or the connection is gone. */
  get isClosed(): boolean {
    return this.closedHere || this.lost || this.isGone;
  }

  /**
   * Resolves, and never rejects, once the connection is gone: closed from here, ended by both sides, or lost. A loss is
   * noticed by reading or writing: not while reading is paused, because nobody takes what has come.
   */
  get closed(): Promise<void> {
    if (this.gone === undefined) {
      this.gone = new Deferred<void>();
      if (this.isGone) this.gone.resolve();
    }
    return this.gone.promise;
  }

  /**
   * Receives exactly `count` bytes; 0 is an empty buffer at once.
   *
   * @returns the bytes, or `null` where the peer ended cleanly before the first of them. The buffer is the caller's.
   * @throws UnexpectedEofError the peer ended after some of them, which stay to be read.
   * @throws TimedOutError, AbortedError no byte is taken: the next read starts where this one would have.
   * @throws ConcurrentReadError another read waits; that one goes on undisturbed.
   * @throws SocketClosedError, ConnectionLostError, SocketStateError
   */
  recvExactly(count: number, options?: ReceiveOptions): Promise<Buffer | null> {
    try {
      requireWholeNumber('count', count, 0);
    } catch (mistake) {
      return rejection(mistake);
    }
    return this.recvMessage(new PlainFrameDecoder(0, () => count), options);
  }

  /**
   * Receives what is there: at least one byte, at most `limit`. Waits only while there is none.
   *
   * @returns the bytes, or `null` where the peer has ended cleanly.
   * @throws as `recvExactly` does, `UnexpectedEofError` excepted.
   */
  recvSome(limit: number, options?: ReceiveOptions): Promise<Buffer | null> {
    try {
      requireWholeNumber('limit', limit, 1);
    } catch (mistake) {
      return rejection(mistake);
    }
    const frameLength = (): number => Math.min(limit, this.received.length);
    return this.recvMessage(new PlainFrameDecoder(1, frameLength), options);
  }

  /**
   * Receives the bytes up to `delimiter`, and the delimiter with them.
   *
   * @param delimiter one byte or more; a string stands for its UTF-8 bytes.
   * @param options `limit`: the most bytes to look at, the delimiter included. Default: 65536.
   * @returns the bytes, or `null` where the peer ended cleanly before the first of them.
   * @throws DelimiterNotFoundError there was none within the limit. No byte is taken.
   * @throws as `recvExactly` does.
   */
  async recvUntil(
    delimiter: string | Uint8Array,
    options?: ReceiveOptions & { readonly limit?: number },
  ): Promise<Buffer | null> {
    const wanted = Buffer.from(delimiter as Uint8Array);
    const limit = options?.limit ?? DEFAULT_RECEIVE_BUFFER_BYTES;
    requireWholeNumber('delimiter.length', wanted.length, 1);
    requireWholeNumber('limit', limit, wanted.length);
    let searched = 0;
    const frameLength = (): number => {
      const found = this.received.indexOf(wanted, searched);
      if (found !== -1 && found + wanted.length <= limit) return found + wanted.length;
      if (found !== -1 || this.received.length >= limit) throw new DelimiterNotFoundError(this.endpoints, limit);
      searched = Math.max(0, this.received.length - wanted.length + 1);
      return this.received.length + 1;
    };
    return this.recvMessage(new PlainFrameDecoder(wanted.length, frameLength), options);
  }

  /**
   * Receives one frame, whose own header tells its size: the header and all behind it as one buffer, or nothing.
   *
   * @param headerBytes how many bytes `frameLength` needs.
   * @param frameLength called with the header once it is there, which stays; it may be called again with the same header
   * when its answer was not there yet. What it throws, this throws, and no byte is taken.
   * @returns the frame, or `null` where the peer ended cleanly before its first byte.
   * @throws as `recvExactly` does.
   */
  recvFrame(headerBytes: number, frameLength: FrameLength, options?: ReceiveOptions): Promise<Buffer | null> {
    try {
      requireWholeNumber('headerBytes', headerBytes, 1);
    } catch (mistake) {
      return rejection(mistake);
    }
    return this.recvMessage(decoderOf(headerBytes, frameLength), options);
  }

  /**
   * The same without waiting: the frame where it is there as a whole, else `undefined`, and nothing has happened. An
   * end or a loss is not told: the next call that waits does.
   *
   * @throws what `frameLength` throws; SocketClosedError, ConcurrentReadError, SocketStateError.
   */
  tryRecvFrame(headerBytes: number, frameLength: FrameLength): Buffer | undefined {
    requireWholeNumber('headerBytes', headerBytes, 1);
    return this.tryRecvMessage(decoderOf(headerBytes, frameLength));
  }

  /**
   * Receives one frame as `recvFrame` does, and gives what `decoder` makes of it: see `FrameDecoder`, which every codec
   * of messages is.
   *
   * @returns the content, or `null` where the peer ended cleanly before the frame's first byte.
   * @throws as `recvExactly` does, and what `decoder` throws.
   */
  recvMessage<Content>(decoder: FrameDecoder<Content>, options?: ReceiveOptions): Promise<Content | null> {
    try {
      checkWaitOptions('receive', this.endpoints, options);
      this.requireReadable();
      const needed = this.bytesNeeded(decoder);
      if (this.received.length >= needed) return Promise.resolve(this.takeFrame(decoder, needed));
      if (this.readEnded || this.lost) return Promise.resolve(this.endOfRead(needed));
      return this.awaitFrame(decoder, needed, options);
    } catch (error) {
      return rejection(error);
    }
  }

  /** The same without waiting: see `tryRecvFrame`. */
  tryRecvMessage<Content>(decoder: FrameDecoder<Content>): Content | undefined {
    this.requireReadable();
    const needed = this.bytesNeeded(decoder);
    return this.received.length < needed ? undefined : this.takeFrame(decoder, needed);
  }

  /**
   * Ends the read that waits, if one does, with `AbortedError`; no byte is taken, and later reads are not concerned. It
   * does what an abort signal does, and costs no memory for each connection that waits.
   *
   * @param reason the error's `cause`.
   */
  cancelRead(reason?: unknown): void {
    const read = this.pendingRead;
    this.pendingRead = undefined;
    read?.reject(new AbortedError('receive', this.endpoints, reason));
  }

  /**
   * Sends all of `bytes`, in the order of the calls. Calls of one turn of the event loop leave together.
   *
   * Resolves when the kernel has taken everything, so awaiting it keeps to the pace of the peer. That the peer has
   * received it, only an answer of its own can say. `bytes` must not change until then.
   *
   * @throws TimedOutError, AbortedError part of the bytes may be under way, and a stream cannot take them back: the
   * connection is reset.
   * @throws SocketClosedError `close()` came first; part of the bytes may have left.
   * @throws ConnectionLostError, SocketStateError (after `shutdownWrite`, or not connected)
   */
  sendAll(bytes: Uint8Array, options?: WaitOptions): Promise<void> {
    try {
      this.requireSendable(options);
      requireByteArray(bytes);
    } catch (error) {
      return rejection(error);
    }
    return this.within(options, 'send', this.gather(bytes).outcome.promise);
  }

  /** Sends several buffers as if they were one: see `sendAll`. They leave in one system call where the stream can. */
  sendMany(buffers: readonly Uint8Array[], options?: WaitOptions): Promise<void> {
    try {
      this.requireSendable(options);
      for (const buffer of buffers) requireByteArray(buffer);
    } catch (error) {
      return rejection(error);
    }
    let batch: WriteBatch | undefined;
    for (const buffer of buffers) batch = this.gather(buffer);
    return batch === undefined ? Promise.resolve() : this.within(options, 'send', batch.outcome.promise);
  }

  /**
   * Ends this side once all that was sent before has left; the peer reads the end behind it, and can still send.
   * A second call waits for the same end, with its own `options`.
   *
   * @throws TimedOutError, AbortedError the end may not have left: the connection is reset.
   * @throws SocketClosedError, ConnectionLostError, SocketStateError (not connected)
   */
  async shutdownWrite(options?: WaitOptions): Promise<void> {
    checkWaitOptions('shut down writing', this.endpoints, options);
    const end = this.writeEnd ?? this.endWriting(this.requireOpen('shut down writing'));
    return this.within(options, 'shut down writing', end.promise);
  }

  /**
   * Closes the connection. What `sendAll` has resolved for is still delivered; what is still waiting fails with
   * `SocketClosedError`, and received bytes that nobody took are dropped. (TCP answers a close over unread bytes with
   * a reset, which can destroy what was just sent: see `lingeringClose`.)
   *
   * Resolves, and never rejects, once the system has let go of it. A second call waits for the same.
   */
  async close(): Promise<void> {
    this.closeBy(destroyAfterNotice);
    return this.closed;
  }

  /**
   * Closes at once with a reset (RST, RFC 9293 section 3.5.2) where the stream is a TCP connection: the peer sees an
   * error, not an end. TLS and Unix sockets have no reset: there the peer sees an end.
   */
  reset(): void {
    this.closeBy(destroyWithReset);
  }

  /**
   * Closes so that the peer gets all that was sent, even while it is still sending: ends this side, drops what comes
   * until the peer ends its own, then closes. A read that waits, and every later call, fails with `SocketClosedError`;
   * sends that wait are still carried out.
   *
   * Resolves and never rejects, by `timeoutMs` or the abort at the latest. `close()` cuts it short.
   */
  async lingeringClose(options: WaitOptions & { readonly timeoutMs: number }): Promise<void> {
    if (!this.connected || this.isClosed) return this.close();
    checkWaitOptions('shut down writing', this.endpoints, { timeoutMs: options.timeoutMs });
    const stream = this.stream!;
    this.closedHere = true;
    this.settlePendingReadAtEnd();
    this.received.clear();
    this.resumeReading();
    // Where it cannot be ended it is lost, and so closed.
    if (this.writeEnd === undefined) this.endWriting(stream).promise.catch(() => undefined);

    const patience = new Waiter<void>('shut down writing', this.endpoints, options);
    void this.closed.then(() => patience.resolve());
    if (options.signal?.aborted === true) patience.reject(options.signal.reason);
    await patience.promise.catch(() => stream.destroy());
    return this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Makes `stream` this socket's connection: from here on its events are handled, so that no `error` goes unheard.
   *
   * @throws TypeError it gives strings or objects where bytes are needed, or another socket has it already.
   */
  protected adopt(stream: Duplex): void {
    requireByteStream(stream);
    if (SOCKET in stream) throw new TypeError('the stream belongs to another socket already');
    this.stream = stream;
    // Else the end of the peer would end this side too, in the middle of an answer.
    stream.allowHalfOpen = true;
    (stream as Adopted)[SOCKET] = this;
    // eslint-disable-next-line @typescript-eslint/unbound-method -- an emitter calls them with the stream as `this`
    const { onError, onClose, onEnd, onData } = StreamSocket.listeners;
    stream.on('error', onError).on('close', onClose).on('end', onEnd).on('data', onData);
    this.noticeThePast(stream);
  }

  /**
   * Allows receiving and sending, and notes both addresses while the system still knows them.
   *
   * @param known `local` where it need not be asked for; `remote` for a stream that does not know it: a Unix socket.
   */
  protected startTraffic(known: Endpoints = NO_ENDPOINTS): void {
    const stream = this.stream!;
    this.endpoints = {
      local: known.local ?? localAddressOf(stream),
      remote: remoteAddressOf(stream) ?? known.remote,
    };
    this.connected = true;
  }

  /** The connection broke, or could not be made. */
  protected onLost(cause: unknown): void {
    if (this.lost) return;
    this.lost = true;
    this.lossCause = cause;
    this.settlePending();
    this.stream!.destroy();
  }

  /** What happened to an injected stream before it was adopted: its events will not come again. */
  private noticeThePast(stream: Duplex): void {
    if (stream.readableEnded) this.readEnded = true;
    if (stream.destroyed) this.onLost(stream.errored ?? undefined);
    if (stream.closed) this.onClose();
  }

  private awaitFrame<Content>(
    decoder: FrameDecoder<Content>,
    needed: number,
    options: ReceiveOptions | undefined,
  ): Promise<Content | null> {
    const read = new PendingRead(decoder, needed, this.endpoints, options, this, StreamSocket.forgetRead);
    this.pendingRead = read as PendingRead<unknown>;
    if (this.received.length === 0) read.awaitFirstByte();
    else this.startMessageClock(read);
    this.resumeReading();
    return read.promise;
  }

  private static forgetRead(this: void, socket: StreamSocket): void {
    socket.pendingRead = undefined;
  }

  private onData(chunk: Buffer): void {
    if (this.closedHere) return;
    this.received.push(chunk);
    if (this.pendingRead !== undefined) this.completePendingRead(this.pendingRead);
    if (!this.paused && this.received.length > this.highWaterMark) {
      this.paused = true;
      this.stream!.pause();
    }
  }

  private onEnd(): void {
    confirmEnd(this.stream!, () => this.endReading());
  }

  private endReading(): void {
    this.readEnded = true;
    this.settlePendingReadAtEnd();
  }

  private onClose(): void {
    if (!this.lost && this.stream!.readableEnded) this.readEnded = true;
    // Not ended by both sides: it was destroyed from below, without a word.
    if (!this.readEnded || this.writeEnd === undefined) this.onLost(undefined);
    this.settlePending();
    this.isGone = true;
    this.gone?.resolve();
  }

  private settlePending(): void {
    this.settlePendingReadAtEnd();
    this.gathering?.outcome.reject(this.endedError('send'));
    this.gathering = undefined;
    for (let batch = this.oldestInFlight; batch !== undefined; batch = batch.next) {
      batch.outcome.reject(this.endedError('send'));
    }
    this.oldestInFlight = undefined;
    this.newestInFlight = undefined;
    this.writeEnd?.reject(this.endedError('shut down writing'));
  }

  private completePendingRead(read: PendingRead<unknown>): void {
    try {
      if (this.received.length >= read.needed) read.needed = this.bytesNeeded(read.decoder);
      if (this.received.length < read.needed) {
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

  private settlePendingReadAtEnd(): void {
    const read = this.pendingRead;
    if (read === undefined) return;
    this.pendingRead = undefined;
    try {
      read.resolve(this.endOfRead(read.needed));
    } catch (error) {
      read.reject(error);
    }
  }

  private startMessageClock<Content>(read: PendingRead<Content>): void {
    if (read.hasMessageLimit) this.messageBegunAt ??= performance.now();
    read.awaitRest(this.messageBegunAt);
  }

  /** How many bytes must be there: those of the whole frame, or of its header as long as that is not there. */
  private bytesNeeded(decoder: FrameDecoder<unknown>): number {
    const { headerBytes } = decoder;
    if (this.received.length < headerBytes) return headerBytes;
    const chunk = this.received.chunkHolding(headerBytes);
    const size =
      chunk === undefined
        ? decoder.frameLength(this.received.peek(headerBytes), 0)
        : decoder.frameLength(chunk, this.received.offset);
    if (Number.isSafeInteger(size) && size >= headerBytes) return size;
    throw new RangeError(`a frame of ${size} bytes cannot have a header of ${headerBytes}`);
  }

  /** What `decoder` makes of the frame of `size` bytes, which are there. */
  private takeFrame<Content>(decoder: FrameDecoder<Content>, size: number): Content {
    const chunk = this.received.chunkHolding(size);
    const bytes = chunk ?? this.received.peek(size);
    const offset = chunk === undefined ? 0 : this.received.offset;
    this.received.drop(size);
    this.messageBegunAt = undefined;
    this.resumeReading();
    return decoder.decode(bytes, offset, size);
  }

  /** Above so many waiting bytes, reading pauses. */
  private get highWaterMark(): number {
    return Math.max(this.receiveBufferBytes, this.pendingRead?.needed ?? 0);
  }

  private resumeReading(): void {
    if (!this.paused || this.received.length > this.highWaterMark) return;
    this.paused = false;
    this.stream!.resume();
  }

  /** What a read gets that cannot be completed any more: a clean end, or an error. */
  private endOfRead(needed: number): null {
    if (this.closedHere) throw new SocketClosedError('receive', this.endpoints);
    const received = this.received.length;
    if (this.lost && !this.readEnded) {
      throw new ConnectionLostError('receive', this.endpoints, this.lossCause, { received, expected: needed });
    }
    if (received > 0) throw new UnexpectedEofError(this.endpoints, received, needed);
    return null;
  }

  /** Puts bytes into the batch of this turn. */
  private gather(bytes: Uint8Array): WriteBatch {
    if (this.gathering === undefined) {
      this.gathering = new WriteBatch(bytes);
      process.nextTick(StreamSocket.writeGathered, this);
    } else {
      this.gathering.add(bytes);
    }
    return this.gathering;
  }

  private static writeGathered(this: void, socket: StreamSocket): void {
    socket.writeGathered();
  }

  /** Writes what this turn has gathered, where it was not written or given up before. */
  private writeGathered(): void {
    const batch = this.gathering;
    if (batch === undefined) return;
    this.gathering = undefined;
    if (this.oldestInFlight === undefined) this.oldestInFlight = batch;
    else this.newestInFlight!.next = batch;
    this.newestInFlight = batch;
    this.toldOfWritten ??= (error) => this.onWritten(error);
    try {
      batch.writeTo(this.stream!, this.toldOfWritten);
    } catch (thrown) {
      this.onLost(thrown);
    }
  }

  /** The stream has passed on the oldest batch, or has failed; streams tell so in the order of the writes. */
  private onWritten(error: Error | null | undefined): void {
    const batch = this.oldestInFlight;
    // It was settled before, by the end of the connection.
    if (batch === undefined) return;
    this.oldestInFlight = batch.next;
    if (batch.next === undefined) this.newestInFlight = undefined;
    // Node reports a write that was under way when the stream was destroyed as done, without an error.
    if (error || this.stream!.destroyed) batch.outcome.reject(this.endedError('send', error));
    else batch.outcome.resolve();
  }

  private endWriting(stream: Duplex): Deferred<void> {
    const end = new Deferred<void>();
    this.writeGathered();
    this.writeEnd = end;
    stream.end((error?: Error | null) => {
      if (error) end.reject(this.endedError('shut down writing', error));
      else end.resolve();
    });
    return end;
  }

  /** The same promise with the caller's deadline and signal; when they end it, what has left is unknown. */
  private within(options: WaitOptions | undefined, operation: Operation, outcome: Promise<void>): Promise<void> {
    if (options?.timeoutMs === undefined && options?.signal === undefined) return outcome;
    const waiter = new Waiter<void>(operation, this.endpoints, options, () => this.reset());
    outcome.then(
      () => waiter.resolve(),
      (error: unknown) => waiter.reject(error),
    );
    return waiter.promise;
  }

  private closeBy(destroy: (stream: Duplex) => void): void {
    this.closedHere = true;
    this.settlePending();
    this.received.clear();
    if (this.stream !== undefined) destroy(this.stream);
    else {
      this.isGone = true;
      this.gone?.resolve();
    }
  }

  private requireReadable(): void {
    if (this.closedHere) throw new SocketClosedError('receive', this.endpoints);
    if (!this.connected) throw new SocketStateError('receive', this.endpoints, 'not connected');
    if (this.pendingRead !== undefined) throw new ConcurrentReadError(this.endpoints);
  }

  private requireSendable(options: WaitOptions | undefined): void {
    checkWaitOptions('send', this.endpoints, options);
    this.requireOpen('send');
  }

  private requireOpen(operation: Operation): Duplex {
    if (this.closedHere || this.lost) throw this.endedError(operation);
    if (!this.connected) throw new SocketStateError(operation, this.endpoints, 'not connected');
    if (this.writeEnd !== undefined) throw new SocketStateError(operation, this.endpoints, 'writing was shut down');
    return this.stream!;
  }

  private endedError(operation: Operation, cause?: unknown): SocketError {
    if (this.closedHere) return new SocketClosedError(operation, this.endpoints);
    return new ConnectionLostError(operation, this.endpoints, this.lossCause ?? cause ?? undefined);
  }
}

function decoderOf(headerBytes: number, frameLength: FrameLength): PlainFrameDecoder {
  return new PlainFrameDecoder(headerBytes, (bytes, offset) =>
    frameLength(bytes.subarray(offset, offset + headerBytes)),
  );
}

function requireByteStream(stream: Duplex): void {
  if (!stream.readableObjectMode && !stream.writableObjectMode && stream.readableEncoding === null) return;
  throw new TypeError('a stream of bytes is needed, without object mode and without an encoding');
}
