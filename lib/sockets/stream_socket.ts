import { type Duplex } from 'node:stream';
import { type Socket } from 'node:net';
import { type Address, addressesOf } from './address';
import {
  ConcurrentReadError,
  ConnectionLostError,
  DelimiterNotFoundError,
  type Operation,
  SocketClosedError,
  type SocketError,
  SocketStateError,
  UnexpectedEofError,
} from './errors';
import { ReceiveBuffer } from './receive_buffer';
import { throwIfAborted, Waiter, type WaitOptions } from './waiter';

/** How the bytes of a connection are kept while nobody takes them. */
export interface BufferOptions {
  /**
   * Reading from the network pauses while more than so many bytes wait to be received, or at the size of the read
   * that waits, where that is larger. At most one chunk of the stream (64 KiB for TCP) comes on top. Default: 65536.
   */
  readonly receiveBufferBytes?: number;
}

/** What a read accepts: three clocks, each in milliseconds, and a signal. */
export interface ReceiveOptions extends WaitOptions {
  /** Time until the first byte is there. */
  readonly idleTimeoutMs?: number | undefined;
  /** Time from the first byte to the last: what cuts off a peer that trickles. */
  readonly messageTimeoutMs?: number | undefined;
}

/** Tells the size of a whole frame, its header included, from the header; throws to refuse the frame. */
export type FrameSize = (header: Buffer) => number;

const DEFAULT_RECEIVE_BUFFER_BYTES = 65_536;

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
  private stream: Duplex | undefined;
  private readonly received = new ReceiveBuffer();
  private readonly receiveBufferBytes: number;
  private pendingRead: PendingRead | undefined;
  private readonly pendingSends = new Set<Waiter<void>>();
  private paused = false;
  private corked = false;
  /** The peer has ended its side: no byte will come behind those that wait. */
  private readEnded = false;
  private writeEnd: Promise<void> | undefined;
  private closedHere = false;
  private lost = false;
  private isGone = false;
  private lossCause: unknown;
  private readonly gone: Waiter<void>;
  private local: Address | undefined;
  private remote: Address | undefined;

  protected constructor(options: BufferOptions) {
    this.receiveBufferBytes = options.receiveBufferBytes ?? DEFAULT_RECEIVE_BUFFER_BYTES;
    this.gone = new Waiter<void>('receive', {});
  }

  /** This end's address, from the moment the connection was there; it stays known after it is gone. */
  get localAddress(): Address | undefined {
    return this.local;
  }

  /** The peer's address; the same holds. */
  get remoteAddress(): Address | undefined {
    return this.remote;
  }

  /** How many received bytes wait to be taken. */
  get bufferedBytes(): number {
    return this.received.length;
  }

  /** True once `close()` or `reset()` was called, or the connection is gone. */
  get isClosed(): boolean {
    return this.closedHere || this.lost || this.isGone;
  }

  /** Resolves, and never rejects, once the connection is gone: closed from here, ended by both sides, or lost. */
  get closed(): Promise<void> {
    return this.gone.promise;
  }

  /**
   * Receives exactly `count` bytes.
   *
   * @returns the bytes, or `null` where the peer ended cleanly before the first of them. The buffer is the caller's.
   * @throws UnexpectedEofError the peer ended after some of them, which stay to be read.
   * @throws TimedOutError, AbortedError no byte is taken: the next read starts where this one would have.
   * @throws ConcurrentReadError another read waits; that one goes on undisturbed.
   * @throws SocketClosedError, ConnectionLostError, SocketStateError
   */
  async recvExactly(count: number, options?: ReceiveOptions): Promise<Buffer | null> {
    requireCount('count', count, 0);
    return this.recvFrame(count, () => count, options);
  }

  /**
   * Receives what is there: at least one byte, at most `limit`. Waits only while there is none.
   *
   * @returns the bytes, or `null` where the peer has ended cleanly.
   * @throws as `recvExactly` does, `UnexpectedEofError` excepted.
   */
  async recvSome(limit: number, options?: ReceiveOptions): Promise<Buffer | null> {
    requireCount('limit', limit, 1);
    return this.recvFrame(1, () => Math.max(1, Math.min(limit, this.received.length)), options);
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
    requireCount('delimiter.length', wanted.length, 1);
    const limit = options?.limit ?? DEFAULT_RECEIVE_BUFFER_BYTES;
    let searched = 0;
    const sizeOf = (): number => {
      const found = this.received.indexOf(wanted, searched);
      if (found !== -1 && found + wanted.length <= limit) return found + wanted.length;
      if (found !== -1 || this.received.length >= limit) throw new DelimiterNotFoundError(this.ends, limit);
      searched = Math.max(0, this.received.length - wanted.length + 1);
      return this.received.length + 1;
    };
    return this.recvFrame(wanted.length, sizeOf, options);
  }

  /**
   * Receives one frame, whose own header tells its size: the header and all behind it as one buffer, or nothing.
   *
   * @param headerBytes how many bytes `sizeOf` needs.
   * @param sizeOf called with the header once it is there, which stays; it may be called again with the same header
   * when its answer was not there yet. What it throws, this throws, and no byte is taken.
   * @returns the frame, or `null` where the peer ended cleanly before its first byte.
   * @throws as `recvExactly` does.
   */
  async recvFrame(headerBytes: number, sizeOf: FrameSize, options?: ReceiveOptions): Promise<Buffer | null> {
    this.requireReadable(options);
    const ready = this.takeFrame(headerBytes, sizeOf);
    if (Buffer.isBuffer(ready)) return ready;
    if (this.readEnded || this.lost) return this.endOfRead(ready);

    const read = new PendingRead(headerBytes, sizeOf, ready, this.ends, options, () => {
      this.pendingRead = undefined;
    });
    this.pendingRead = read;
    if (this.received.length > 0) read.onFirstByte();
    this.resumeReading();
    return read.waiter.promise;
  }

  /**
   * The same without waiting: the frame where it is there as a whole, else `undefined`, and nothing has happened.
   *
   * @throws what `sizeOf` throws; SocketClosedError, ConcurrentReadError, SocketStateError.
   */
  tryRecvFrame(headerBytes: number, sizeOf: FrameSize): Buffer | undefined {
    this.requireReadable(undefined);
    const ready = this.takeFrame(headerBytes, sizeOf);
    return Buffer.isBuffer(ready) ? ready : undefined;
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
  async sendAll(bytes: Uint8Array, options?: WaitOptions): Promise<void> {
    return this.sendMany([bytes], options);
  }

  /** Sends several buffers as if they were one: see `sendAll`. They leave in one system call where the stream can. */
  async sendMany(buffers: readonly Uint8Array[], options?: WaitOptions): Promise<void> {
    const stream = this.requireWritable(options);
    const last = buffers.length - 1;
    if (last === -1) return;
    const waiter = new Waiter<void>('send', this.ends, options, () => this.reset());
    this.pendingSends.add(waiter);
    this.corkForThisTurn(stream);
    for (let index = 0; index < last; index++) stream.write(buffers[index]);
    stream.write(buffers[last], (error) => {
      this.pendingSends.delete(waiter);
      if (error) waiter.reject(this.endedError('send', error));
      else waiter.resolve();
    });
    return waiter.promise;
  }

  /**
   * Ends this side once all that was sent before has left; the peer reads the end behind it, and can still send.
   * A second call returns the first one's promise.
   *
   * @throws TimedOutError, AbortedError the end may not have left: the connection is reset.
   * @throws SocketClosedError, ConnectionLostError, SocketStateError (not connected)
   */
  async shutdownWrite(options?: WaitOptions): Promise<void> {
    this.writeEnd ??= this.endWriting(options);
    return this.writeEnd;
  }

  /**
   * Closes the connection. What `sendAll` has resolved for is still delivered; what is still waiting fails with
   * `SocketClosedError`, and received bytes that nobody took are dropped. (TCP answers a close over unread bytes with
   * a reset, which can destroy what was just sent: see `drainAndClose`.)
   *
   * Resolves, and never rejects, once the system has let go of it. A second call waits for the same.
   */
  async close(): Promise<void> {
    this.closeWith((stream) => stream.destroy());
    return this.closed;
  }

  /** Closes at once with a reset (RST) where the stream is a TCP connection: the peer sees an error, not an end. */
  reset(): void {
    this.closeWith((stream) => {
      requestReset(stream as Partial<Socket>);
      stream.destroy();
    });
  }

  /**
   * Closes so that the peer gets all that was sent, even while it is still sending: ends this side, drops what comes
   * until the peer ends its own, then closes. Resolves and never rejects, by `timeoutMs` at the latest.
   */
  async drainAndClose(options: { readonly timeoutMs: number }): Promise<void> {
    const timeUp = setTimeout(() => void this.close(), options.timeoutMs);
    try {
      await this.shutdownWrite();
      while ((await this.recvSome(DEFAULT_RECEIVE_BUFFER_BYTES)) !== null);
    } catch {
      // Lost, closed meanwhile, or read by somebody else: there is nobody left to deliver to.
    } finally {
      clearTimeout(timeUp);
      await this.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Makes `stream` this socket's connection: from here on its events are handled, so that no `error` goes unheard. */
  protected adopt(stream: Duplex): void {
    this.stream = stream;
    stream.on('error', (error) => this.onLost(error));
    stream.on('close', () => this.onClose());
    stream.on('end', () => this.onEnd());
    stream.on('data', (chunk: Buffer) => this.onData(chunk));
  }

  /** Notes both addresses, while the system still knows them. */
  protected captureAddresses(): void {
    const { local, remote } = addressesOf(this.stream!);
    this.local = local;
    this.remote = remote;
  }

  protected get hasStream(): boolean {
    return this.stream !== undefined;
  }

  /** What the connection was lost by, for a caller that reports it in its own words. */
  protected get causeOfLoss(): unknown {
    return this.lossCause;
  }

  protected get ends(): { local: Address | undefined; remote: Address | undefined } {
    return { local: this.local, remote: this.remote };
  }

  private onData(chunk: Buffer): void {
    this.received.push(chunk);
    this.completePendingRead();
    const mark = Math.max(this.receiveBufferBytes, this.pendingRead?.needed ?? 0);
    if (this.received.length > mark && !this.paused) {
      this.paused = true;
      this.stream!.pause();
    }
  }

  private onEnd(): void {
    this.readEnded = true;
    this.failPendingRead();
  }

  private onLost(cause: unknown): void {
    if (this.lost) return;
    this.lost = true;
    this.lossCause = cause;
    this.settlePending();
  }

  private onClose(): void {
    // Ended by both sides, or destroyed from below without a word: either way nothing more comes or goes.
    if (!this.readEnded || this.writeEnd === undefined) this.onLost(undefined);
    this.settlePending();
    this.isGone = true;
    this.gone.resolve();
  }

  private settlePending(): void {
    this.failPendingRead();
    for (const waiter of this.pendingSends) waiter.reject(this.endedError('send', this.lossCause));
    this.pendingSends.clear();
  }

  private completePendingRead(): void {
    const read = this.pendingRead;
    if (read === undefined) return;
    read.onFirstByte();
    if (this.received.length < read.needed) return;
    try {
      const ready = this.takeFrame(read.headerBytes, read.sizeOf);
      if (!Buffer.isBuffer(ready)) {
        read.needed = ready;
        return;
      }
      this.pendingRead = undefined;
      read.waiter.resolve(ready);
    } catch (refused) {
      this.pendingRead = undefined;
      read.waiter.reject(refused);
    }
  }

  private failPendingRead(): void {
    const read = this.pendingRead;
    if (read === undefined) return;
    this.pendingRead = undefined;
    try {
      read.waiter.resolve(this.endOfRead(read.needed));
    } catch (error) {
      read.waiter.reject(error);
    }
  }

  /** A whole frame, or how many bytes must be there before it is worth looking again. */
  private takeFrame(headerBytes: number, sizeOf: FrameSize): Buffer | number {
    if (this.received.length < headerBytes) return headerBytes;
    const size = sizeOf(this.received.peek(headerBytes));
    if (this.received.length < size) return size;
    const frame = this.received.take(size);
    this.resumeReading();
    return frame;
  }

  private resumeReading(): void {
    if (!this.paused) return;
    const mark = Math.max(this.receiveBufferBytes, this.pendingRead?.needed ?? 0);
    if (this.received.length > mark) return;
    this.paused = false;
    this.stream!.resume();
  }

  /** What a read gets that cannot be completed any more: a clean end, or an error. */
  private endOfRead(needed: number): null {
    if (this.closedHere) throw new SocketClosedError('receive', this.ends);
    if (this.lost && !this.readEnded) {
      const progress = { received: this.received.length, expected: needed };
      throw new ConnectionLostError('receive', this.ends, this.lossCause, progress);
    }
    if (this.received.length > 0) throw new UnexpectedEofError(this.ends, this.received.length, needed);
    return null;
  }

  private async endWriting(options: WaitOptions | undefined): Promise<void> {
    const stream = this.requireWritable(options);
    const waiter = new Waiter<void>('shut down writing', this.ends, options, () => this.reset());
    this.pendingSends.add(waiter);
    stream.end((error?: Error | null) => {
      this.pendingSends.delete(waiter);
      if (error) waiter.reject(this.endedError('shut down writing', error));
      else waiter.resolve();
    });
    return waiter.promise;
  }

  /** Holds the writes of this turn back until its end, so that they leave in one system call. */
  private corkForThisTurn(stream: Duplex): void {
    if (this.corked) return;
    this.corked = true;
    stream.cork();
    process.nextTick(() => {
      this.corked = false;
      stream.uncork();
    });
  }

  private closeWith(destroy: (stream: Duplex) => void): void {
    if (this.closedHere) return;
    this.closedHere = true;
    this.settlePending();
    this.received.clear();
    if (this.stream === undefined) this.gone.resolve();
    else destroy(this.stream);
  }

  private requireReadable(options: ReceiveOptions | undefined): void {
    throwIfAborted('receive', this.ends, options);
    if (this.closedHere) throw new SocketClosedError('receive', this.ends);
    if (this.stream === undefined) throw new SocketStateError('receive', this.ends, 'not connected');
    if (this.pendingRead !== undefined) throw new ConcurrentReadError(this.ends);
  }

  private requireWritable(options: WaitOptions | undefined): Duplex {
    throwIfAborted('send', this.ends, options);
    if (this.closedHere || this.lost) throw this.endedError('send', this.lossCause);
    if (this.stream === undefined) throw new SocketStateError('send', this.ends, 'not connected');
    if (this.writeEnd !== undefined) throw new SocketStateError('send', this.ends, 'writing was shut down');
    return this.stream;
  }

  private endedError(operation: Operation, cause: unknown): SocketError {
    if (this.closedHere) return new SocketClosedError(operation, this.ends);
    return new ConnectionLostError(operation, this.ends, this.lossCause ?? cause);
  }
}

/** The read that waits: what it needs, and its clocks. */
class PendingRead {
  readonly waiter: Waiter<Buffer | null>;
  private readonly messageTimeoutMs: number | undefined;
  private begun = false;

  constructor(
    readonly headerBytes: number,
    readonly sizeOf: FrameSize,
    public needed: number,
    ends: { local: Address | undefined; remote: Address | undefined },
    options: ReceiveOptions | undefined,
    onGivenUp: () => void,
  ) {
    this.waiter = new Waiter<Buffer | null>('receive', ends, options, onGivenUp);
    this.messageTimeoutMs = options?.messageTimeoutMs;
    if (options?.idleTimeoutMs !== undefined) this.waiter.startPhase('idle', options.idleTimeoutMs);
  }

  /** A message is begun: its own clock runs from here. */
  onFirstByte(): void {
    if (this.begun) return;
    this.begun = true;
    this.waiter.startPhase('message', this.messageTimeoutMs);
  }
}

/** Makes the destruction that follows a reset (RST); only an established TCP connection can have one. */
function requestReset(stream: Partial<Socket>): void {
  if (stream.resetAndDestroy === undefined || stream.connecting === true) return;
  try {
    stream.resetAndDestroy();
  } catch {
    // A Unix socket and a TLS connection have no reset of their own: they are only destroyed.
  }
}

function requireCount(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`${name} must be a whole number of bytes, at least ${least}, but is ${value}`);
  }
}
