import { type Duplex } from 'node:stream';
import { type Address } from '../address';
import { requireWholeNumber } from '../arguments';
import { type ReceiveOptions, type WaitOptions } from '../async/deadlines';
import { rejection } from '../async/deferred';
import { toIteration } from '../async/iteration';
import { type Endpoints, type SocketError } from '../errors';
import { Connection } from './connection/connection';
import { type FrameDecoder, type FrameLength, headerDecoder } from './connection/frame_decoder';
import { Receiver } from './connection/receiver';
import { Sender } from './connection/sender';
import { lingeringClose } from './lingering_close';
import { startTls } from './start_tls';
import { type BufferOptions, DEFAULT_RECEIVE_BUFFER_BYTES } from './stream_options';
import { STREAM_CHUNK_BYTES } from './streams/byte_connection';
import { nodeDuplexOf } from './streams/node_duplex';
import { webReadableOf } from './streams/web_readable';
import { webWritableOf } from './streams/web_writable';
import { type TlsInfo, tlsInfoOf } from './tls/tls_info';
import { type StartTlsOptions } from './tls/tls_options';

/**
 * A connection: receiving, sending and closing, over any `Duplex` of bytes (TCP, TLS, a Unix socket, an in-memory pair).
 * `ConnectSocket` and `PeerSocket` are the two kinds.
 *
 * **Waiting.** Every call that waits ends: by its result, its `timeoutMs`, its `signal`, a close on this side
 * (`SocketClosedError`), the peer's end (`null` or `UnexpectedEofError`) or the loss of the connection
 * (`ConnectionLostError`).
 *
 * **Iteration.** `for await (const bytes of socket)` receives as `recvSome` does, at most 64 KiB at a time, until the peer
 * has ended. `break` closes nothing; a later loop, or any other read, goes on behind the last bytes.
 *
 * **After the end.** Bytes that came before the peer's end or before a loss can still be received; the end or the loss is
 * reported behind them. After `close()` nothing can be received.
 */
export abstract class StreamSocket implements AsyncIterable<Buffer>, AsyncDisposable {
  /** @internal */
  protected readonly connection = new Connection();
  private readonly receiver: Receiver;
  private readonly sender = new Sender(this.connection);

  /** @throws RangeError `receiveBufferBytes` is not a whole number of at least 1. */
  protected constructor({ receiveBufferBytes = DEFAULT_RECEIVE_BUFFER_BYTES }: BufferOptions) {
    requireWholeNumber('receiveBufferBytes', receiveBufferBytes, 1);
    this.receiver = new Receiver(this.connection, receiveBufferBytes);
    this.connection.attach(this.receiver, this.sender);
  }

  /** The address of this end, once the socket is connected; it stays known after the end. */
  get localAddress(): Address | undefined {
    return this.connection.endpoints.local;
  }

  /** The address of the peer, once the socket is connected; it stays known after the end. */
  get remoteAddress(): Address | undefined {
    return this.connection.endpoints.remote;
  }

  /** Both addresses in one object, always the same one for an open connection. @internal */
  get endpoints(): Endpoints {
    return this.connection.endpoints;
  }

  /** The TLS of this connection, after its handshake: the certificate of the peer for instance. Undefined without TLS. */
  get tls(): TlsInfo | undefined {
    return tlsInfoOf(this.connection.stream);
  }

  /** The number of received bytes that no call has taken yet. */
  get bufferedBytes(): number {
    return this.receiver.bufferedBytes;
  }

  /**
   * The number of bytes that were given to `sendAll` and `sendMany`, of this side and of its streams, and that the kernel
   * has not taken. It grows at the call, and shrinks when sends resolve, those of one turn together. 0 before `connect`,
   * after `close()` and `reset()`, and after a loss.
   */
  get unsentBytes(): number {
    return this.sender.unsentBytes;
  }

  /** True after `close()`, `reset()` or `lingeringClose()`, after a loss, and after the end of both directions. */
  get isClosed(): boolean {
    return this.connection.phase === 'closing' || this.connection.phase === 'closed';
  }

  /**
   * Resolves, and never rejects, when the connection has ended: closed on this side, ended by both sides, or lost. A loss
   * is noticed by a read or a write of the stream, so not while reading is paused.
   *
   * @returns the error of the loss, if the connection was lost before this side closed it: a `ConnectionLostError` or a
   * `CertificateRefusedError`. Else undefined.
   */
  get closed(): Promise<SocketError | undefined> {
    return this.connection.closed;
  }

  /**
   * The received bytes as a readable byte stream of the web, always the same one. It takes no byte before its reader asks
   * for one, so other reads may come before and after those of the stream. The peer's end closes it; the error of a
   * read is its error. To cancel it closes the connection.
   */
  get readable(): ReadableStream<Uint8Array> {
    return webReadableOf(this);
  }

  /**
   * Sends all chunks, as a writable stream of the web, always the same one. `writer.write` resolves as `sendAll` does. To
   * close it ends this side as `shutdownWrite` does; to abort it resets the connection, and so does a write that fails.
   * The end of the connection is its error.
   */
  get writable(): WritableStream<Uint8Array> {
    return webWritableOf(this);
  }

  /**
   * Receives exactly `count` bytes; 0 gives an empty buffer at once.
   *
   * @param options `endIsError`: an end before the first byte is an `UnexpectedEofError` too, for a read that is not the
   * first one of a message.
   * @returns the bytes, or `null` if the peer ended before the first of them. The buffer belongs to the caller.
   * @throws UnexpectedEofError the peer ended after some of them; they can still be received.
   * @throws TimedOutError, AbortedError no byte is taken: the next read begins where this one began.
   * @throws ConcurrentReadError another read waits; that one goes on.
   * @throws SocketClosedError, ConnectionLostError, SocketStateError (not connected)
   * @throws RangeError `count` is not a whole number of at least 0.
   */
  recvExactly(count: number, options: ReceiveOptions & { readonly endIsError: true }): Promise<Buffer>;
  recvExactly(
    count: number,
    options?: ReceiveOptions & { readonly endIsError?: boolean | undefined },
  ): Promise<Buffer | null>;
  recvExactly(
    count: number,
    options?: ReceiveOptions & { readonly endIsError?: boolean | undefined },
  ): Promise<Buffer | null> {
    return this.receiver.receiveExactly(count, options);
  }

  /**
   * Receives the bytes that are there: at least one, at most `limit`. Waits for the first byte only.
   *
   * @returns the bytes, or `null` if the peer has ended.
   * @throws as `recvExactly` does, except `UnexpectedEofError`.
   */
  recvSome(limit: number, options?: ReceiveOptions): Promise<Buffer | null> {
    return this.receiver.receiveAvailable(limit, options);
  }

  /**
   * Receives the bytes up to `delimiter`, the delimiter included.
   *
   * @param delimiter one byte or more; a string stands for its UTF-8 bytes.
   * @param options `limit`: the most bytes to receive, the delimiter included. Default: 65536.
   * @returns the bytes, or `null` if the peer ended before the first of them.
   * @throws DelimiterNotFoundError there is no delimiter within the limit. No byte is taken.
   * @throws as `recvExactly` does.
   */
  recvUntil(
    delimiter: string | Uint8Array,
    options?: ReceiveOptions & { readonly limit?: number | undefined },
  ): Promise<Buffer | null> {
    return this.receiver.receiveUntil(delimiter, options?.limit, options);
  }

  /**
   * Receives one frame, header included, whose header gives its length.
   *
   * @param headerBytes the size of the header.
   * @param frameLength gives the length of the whole frame for its header. It may be called several times for the same
   * header. An error that it throws fails the call; no byte is taken.
   * @returns the frame, or `null` if the peer ended before its first byte.
   * @throws as `recvExactly` does.
   */
  recvFrame(headerBytes: number, frameLength: FrameLength, options?: ReceiveOptions): Promise<Buffer | null> {
    try {
      return this.receiver.receive(headerDecoder(headerBytes, frameLength), options);
    } catch (mistake) {
      return rejection(mistake);
    }
  }

  /**
   * As `recvFrame`, without waiting: the whole frame, or `undefined`. An end or a loss is left to the next waiting call.
   *
   * @throws SocketClosedError, ConcurrentReadError, SocketStateError, an error of `frameLength`
   */
  tryRecvFrame(headerBytes: number, frameLength: FrameLength): Buffer | undefined {
    return this.receiver.tryReceive(headerDecoder(headerBytes, frameLength));
  }

  /**
   * As `recvFrame`, with a decoder, which every `Codec` is: the header may have any size. The length of a frame has the
   * limit of the decoder only; a `FramedSocket` has one of its own.
   *
   * @returns the content of the frame, or `null` if the peer ended before its first byte.
   * @throws as `recvExactly` does; an error of `decoder`.
   */
  recvMessage<Content>(decoder: FrameDecoder<Content>, options?: ReceiveOptions): Promise<Content | null> {
    return this.receiver.receive(decoder, options);
  }

  /** As `recvMessage`, without waiting: see `tryRecvFrame`. */
  tryRecvMessage<Content>(decoder: FrameDecoder<Content>): Content | undefined {
    return this.receiver.tryReceive(decoder);
  }

  /**
   * Ends the waiting read, if there is one, with `AbortedError`. No byte is taken, and later reads are not affected. An
   * abort signal does the same, and costs memory for each connection that waits.
   *
   * @param reason the `cause` of the error.
   */
  cancelRead(reason?: unknown): void {
    this.receiver.cancelRead(reason);
  }

  /**
   * Sends all of `bytes`, in the order of the calls. Sends of one turn of the event loop leave together.
   *
   * Resolves when the kernel has taken everything: a caller that awaits it keeps the pace of the peer. It does not mean
   * that the peer has received the bytes. `bytes` must not change before that.
   *
   * The result need not be awaited. Where the connection is lost or closed, that is no unhandled rejection: the next read
   * fails, and `closed` gives the loss. A `RangeError`, `TypeError` or `SocketStateError` is one.
   *
   * @throws TimedOutError, AbortedError part of the bytes may have left: the connection is reset.
   * @throws SocketClosedError part of the bytes may have left.
   * @throws ConnectionLostError, SocketStateError (not connected, or after `shutdownWrite`)
   */
  sendAll(bytes: Uint8Array, options?: WaitOptions): Promise<void> {
    return this.sender.send(bytes, options);
  }

  /** As `sendAll`, for several buffers, which leave in one system call if the stream can do that. */
  sendMany(buffers: readonly Uint8Array[], options?: WaitOptions): Promise<void> {
    return this.sender.sendMany(buffers, options);
  }

  /**
   * Waits until at most `limitBytes` bytes are unsent: see `unsentBytes`. A program that awaits no send keeps the pace of
   * the peer, and a bound for its memory, by this call.
   *
   * @param limitBytes default: 0, so that the kernel has taken everything.
   * @param options a deadline or signal ends the call only; the bytes stay, and so does the connection.
   * @throws TimedOutError, AbortedError, SocketClosedError, ConnectionLostError, SocketStateError (not connected)
   * @throws RangeError `limitBytes` is not a whole number of at least 0.
   */
  drained(limitBytes = 0, options?: WaitOptions): Promise<void> {
    return this.sender.drained(limitBytes, options);
  }

  /**
   * Ends this side behind everything that was sent before; the peer reads the end, and can still send. A second call
   * waits for the same end, with its own `options`.
   *
   * @throws TimedOutError, AbortedError the end may not have left: the connection is reset.
   * @throws SocketClosedError, ConnectionLostError, SocketStateError (not connected)
   */
  shutdownWrite(options?: WaitOptions): Promise<void> {
    return this.sender.shutdown(options);
  }

  /**
   * Closes the connection. Everything that `sendAll` has resolved for is still delivered; calls that wait fail with
   * `SocketClosedError`, and received bytes that no call took are dropped. (TCP answers a close over unread bytes with a
   * reset, which can destroy bytes that were just sent: see `lingeringClose`.)
   *
   * Resolves, and never rejects, when the system has released the connection. A second call waits for the same.
   */
  async close(): Promise<void> {
    this.connection.close();
    await this.connection.closed;
  }

  /**
   * Closes at once, with a reset (RST, RFC 9293 section 3.5.2) on a TCP connection: the peer sees an error, not an end.
   * TLS and Unix sockets have no reset: the peer sees an end.
   */
  reset(): void {
    this.connection.reset();
  }

  /**
   * Closes so that the peer receives everything that was sent, even while it is still sending: ends this side, drops the
   * bytes that come until the peer ends its own side, then closes. Sends that wait are carried out; a read that waits,
   * and every later call, fails with `SocketClosedError`.
   *
   * Resolves, and never rejects, after `timeoutMs` (default: 5000) or the abort at the latest. `close()` cuts it short.
   *
   * @throws RangeError, TypeError an option cannot be used; the call has had no effect.
   */
  lingeringClose(options: WaitOptions = {}): Promise<void> {
    return lingeringClose(this.connection, this.receiver, this.sender, options);
  }

  /**
   * Changes the open connection to TLS, as STARTTLS does (RFC 3207, RFC 2595). Both ends call it at the same point of
   * their protocol, in the turn in which the last send has resolved or the last read has given its bytes. The addresses
   * stay known, and `tls` is known afterwards.
   *
   * After any failure the connection is closed, but for those that are marked (*): they have no effect.
   *
   * @param tls `isServer`: whether this end is the server of the handshake. A client verifies that the certificate is for
   * `servername`, by default the host that it has connected to.
   * @param options `timeoutMs` default: 10000.
   * @throws HandshakeFailedError, CertificateRefusedError, TlsOptionsError
   * @throws TimedOutError, AbortedError, SocketClosedError, ConnectionLostError
   * @throws UnexpectedPlaintextError (*) received bytes wait that came without TLS: close the connection.
   * @throws SocketStateError (*) not connected, TLS already, one side has ended, a read or a send waits.
   * @throws TypeError, RangeError (*) an option cannot be used.
   */
  startTls(tls: StartTlsOptions, options: WaitOptions = {}): Promise<void> {
    const { connection, receiver, sender } = this;
    return startTls({ connection, receiver, sender }, tls, this.serverHost, options);
  }

  /** The host that the certificate of a server must name, in `startTls`. @internal */
  protected get serverHost(): string | undefined {
    return this.remoteAddress?.host;
  }

  /** Lets the connection keep the process alive, as it does from the beginning. */
  ref(): void {
    this.connection.setRef(true);
  }

  /** Lets the process end though the connection is open; before `connect` too. Streams that are no sockets ignore it. */
  unref(): void {
    this.connection.setRef(false);
  }

  /**
   * The connection as a Node stream, always the same one, with half-close: `end()` is `shutdownWrite`. It takes over both
   * directions, and reads ahead once it is read. To destroy it closes the connection; with an error, it resets it. A
   * loss is its `error`; a close of this socket destroys it without one.
   */
  toDuplex(): Duplex {
    return nodeDuplexOf(this);
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, void, undefined> {
    return { next: () => this.recvSome(STREAM_CHUNK_BYTES).then(toIteration) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
