import { type Socket } from 'node:net';
import { type Duplex } from 'node:stream';
import { type Address, isWildcard, remoteAddressOf } from '../address';
import { AcceptFailedError, SocketClosedError, SocketStateError } from '../errors';
import { Binding } from './binding';
import { PeerSocket } from './peer_socket';
import {
  DEFAULT_BACKLOG,
  DEFAULT_HANDSHAKE_TIMEOUT_MS,
  DEFAULT_MAX_HANDSHAKING,
  type ListenSocketOptions,
  requireListenOptions,
} from './listen_options';
import { destroyWithReset } from './platform/stream_close';
import { needsSocketOptions, withTcpOptions } from './platform/tcp_options';
import { ProxyHeaders } from './proxy_protocol/proxy_headers';
import { type ProxyProtocolOptions, proxySettings } from './proxy_protocol/proxy_options';
import { AcceptQueue } from './serving/accept_queue';
import { type Arrival } from './serving/arrival';
import { type ListenerCounters, type RefusalReason } from './serving/counters';
import { ListenerActivity } from './serving/listener_activity';
import { type ConnectionHandler, type ServeOptions, serveSettings } from './serving/serve_options';
import { Service } from './serving/service';
import { type HandshakeFailedError } from './tls/errors';
import { Handshakes } from './tls/handshakes';
import { requireTlsOptions, type TlsListenOptions } from './tls/tls_options';
import { checkWaitOptions, requireWaitOptions, type WaitOptions } from '../async/deadlines';
import { rejection } from '../async/deferred';
import { Waiter } from '../async/waiter';

/**
 * The server's socket: it binds, listens and accepts.
 *
 * `serve(handler)` runs a handler for each connection, joins them, and bounds and counts the connections.
 * `for await (const peer of listener)` accepts one connection after the other, and ends when the listener is closed.
 * `break` closes nothing; the listener goes on.
 */
export class ListenSocket implements AsyncIterable<PeerSocket>, AsyncDisposable {
  private readonly binding: Binding;
  private listening: Waiter<void> | undefined;
  private isBindCalled = false;
  private bound: Address | undefined;
  private closed = false;
  private readonly activity = new ListenerActivity(this);
  /** With the option `proxyProtocol` only. */
  private readonly proxyHeaders: ProxyHeaders | undefined;
  /** With the option `tls` only. */
  private readonly handshakes: Handshakes | undefined;
  private readonly queue: AcceptQueue;
  private service: Service | undefined;

  /**
   * @throws TypeError, RangeError an option cannot be used, or there is not exactly one target.
   * @throws TlsOptionsError a key or a certificate cannot be used, for instance.
   */
  constructor(private readonly options: ListenSocketOptions) {
    requireListenOptions(options);
    this.binding = this.createBinding();
    this.queue = new AcceptQueue(options.maxWaiting ?? options.backlog ?? DEFAULT_BACKLOG, this.activity);
    if (options.proxyProtocol !== undefined) this.proxyHeaders = this.createProxyHeaders(options.proxyProtocol);
    if (options.tls !== undefined) this.handshakes = this.createHandshakes(options.tls);
  }

  /** The address, with the port that the system has chosen; undefined before `bindAndListen`. */
  get address(): Address | undefined {
    return this.bound;
  }

  /** The counters at this moment. */
  get counters(): ListenerCounters {
    return this.activity.counters;
  }

  /** The number of connections that were refused, for any reason; `counters` has them by the reason. */
  get refusedConnections(): number {
    return Object.values(this.counters.refused).reduce((sum, count) => sum + count, 0);
  }

  /** The number of TLS handshakes that failed, by the time limit too; 0 for a listener without TLS. */
  get failedHandshakes(): number {
    return this.counters.handshakesFailed;
  }

  /**
   * Binds the address and listens on it. After any failure but `SocketStateError` the listener is closed.
   *
   * @throws ListenFailedError the address is in use, not permitted, or not one of this machine.
   * @throws SocketClosedError, TimedOutError, AbortedError
   * @throws SocketStateError on a second call.
   */
  async bindAndListen(options?: WaitOptions): Promise<void> {
    const endpoints = { local: this.binding.target };
    if (this.closed) throw new SocketClosedError('listen', endpoints);
    if (this.isBindCalled) throw new SocketStateError('listen', endpoints, 'it was bound already');
    checkWaitOptions('listen', endpoints, options);

    this.isBindCalled = true;
    this.listening = new Waiter<void>('listen', endpoints, options);
    try {
      this.binding.listen();
      await this.listening.promise;
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      this.listening = undefined;
    }
  }

  /**
   * Accepts the next connection. Connections are given out in the order of their arrival, to several waiting calls in
   * the order of the calls. A connection that was lost meanwhile is given out too; its first use fails.
   *
   * @throws AcceptFailedError the system could not accept a connection; the listener goes on.
   * @throws SocketClosedError the listener was closed, before or meanwhile.
   * @throws TimedOutError, AbortedError no connection is taken.
   * @throws SocketStateError before `bindAndListen`, and while `serve` runs.
   */
  accept(options?: WaitOptions): Promise<PeerSocket> {
    try {
      this.requireListening(options);
    } catch (error) {
      return rejection(error);
    }
    return this.queue.accept(this.bound, options);
  }

  /**
   * Accepts connections until the listener is closed, and runs `handler` for each, any number of them side by side. A
   * connection is closed when its handler ends. An error of a handler costs only its connection, and goes to `onError`.
   *
   * Resolves when the listener is closed (by `close`, `closeAndDrain` or `options.signal`) and every handler has ended and
   * every connection is closed. A failure of accept(2) goes to `onError`, at most one in 100 ms; serving goes on.
   *
   * @throws SocketStateError before `bindAndListen`, on a second call, and while an `accept` waits.
   * @throws SocketClosedError the listener was closed before.
   * @throws TypeError, RangeError the handler or an option cannot be used.
   */
  serve(handler: ConnectionHandler, options: ServeOptions = {}): Promise<void> {
    try {
      const settings = serveSettings(handler, options);
      this.requireListening(undefined);
      if (this.queue.hasCalls) throw new SocketStateError('accept', { local: this.bound }, 'an accept waits');
      this.service = new Service(handler, settings, this.activity, () => void this.close());
    } catch (mistake) {
      return rejection(mistake);
    }
    const { service } = this;
    if (options.signal?.aborted === true) service.onAbort();
    for (const peer of this.queue.takeAll()) this.serveBy(service, peer);
    return service.ended;
  }

  /**
   * Exchanges the TLS options for the handshakes that begin from now on, a new certificate or list of revocations for
   * instance. Options that are left out stay as they are, and so do open connections.
   *
   * @throws TlsOptionsError an option cannot be used; nothing has changed.
   * @throws SocketStateError the listener has no option `tls`.
   */
  setSecureContext(changes: Partial<TlsListenOptions>): void {
    const endpoints = { local: this.bound ?? this.binding.target };
    if (this.handshakes === undefined) {
      throw new SocketStateError('set the TLS context', endpoints, 'the listener has no option tls');
    }
    requireTlsOptions(changes);
    this.handshakes.setOptions(changes);
  }

  /**
   * Stops listening; the port is free when this resolves. Calls of `accept` that wait fail with `SocketClosedError`, and
   * connections that wait, or are on their way (PROXY header, TLS handshake), are reset. Accepted connections stay open. Never rejects; a
   * second call has no effect.
   */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.binding.close();
    this.listening?.reject(new SocketClosedError('listen', { local: this.binding.target }));
    this.queue.close(this.bound);
    for (const peer of this.queue.takeAll()) this.refuse(peer, 'listenerClosed');
    this.proxyHeaders?.close();
    this.handshakes?.close();
    this.service?.onListenerClosed();
  }

  /**
   * Closes the listener, waits for the handlers of `serve`, and resets the connections that are left after `timeoutMs`
   * (default: no limit) or the abort. Resolves when every connection is closed; a handler with other work than its
   * connection may go on, and `serve` waits for it.
   *
   * @returns the number of connections that were reset; those that their handlers were closing are cut off, and not
   * counted.
   * @throws RangeError, TypeError an option cannot be used; the call has had no effect.
   */
  async closeAndDrain(options: WaitOptions = {}): Promise<number> {
    requireWaitOptions(options);
    await this.close();
    return this.service === undefined ? 0 : this.service.drain(options);
  }

  /** Lets the listener keep the process alive, as it does from the beginning. */
  ref(): void {
    this.binding.setRef(true);
  }

  /** Lets the process end though the listener is open. */
  unref(): void {
    this.binding.setRef(false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PeerSocket, void, undefined> {
    while (!this.closed) {
      let peer: PeerSocket;
      try {
        peer = await this.accept();
      } catch (error) {
        if (error instanceof SocketClosedError) return;
        throw error;
      }
      yield peer;
    }
  }

  private requireListening(options: WaitOptions | undefined): void {
    const endpoints = { local: this.bound };
    checkWaitOptions('accept', endpoints, options);
    if (this.closed) throw new SocketClosedError('accept', endpoints);
    if (this.bound === undefined) throw new SocketStateError('accept', endpoints, 'bindAndListen comes first');
    if (this.service !== undefined) throw new SocketStateError('accept', endpoints, 'serve runs already');
  }

  private createBinding(): Binding {
    return new Binding(this.options, {
      onListening: (address) => {
        this.bound = address;
        this.listening?.resolve();
      },
      onListenFailed: (error) => this.listening?.reject(error),
      onConnection: (raw) => this.onRawConnection(raw),
      onAcceptFailed: (error) => this.onAcceptFailed(error),
    });
  }

  private createHandshakes(tls: TlsListenOptions): Handshakes {
    const { handshakeTimeoutMs, maxHandshaking, onHandshakeError } = this.options;
    const limits = {
      timeoutMs: handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS,
      most: maxHandshaking ?? DEFAULT_MAX_HANDSHAKING,
    };
    const results = {
      onDone: (arrival: Arrival, secure: Duplex) => this.deliver(arrival, secure),
      onFailed: (arrival: Arrival, error: HandshakeFailedError) => {
        this.activity.handshakeFailed(error);
        this.withdraw(arrival);
        onHandshakeError?.(error);
      },
      onRefused: (arrival: Arrival, reason: RefusalReason) => this.onReset(arrival, reason),
    };
    return new Handshakes(tls, limits, results, () => this.bound ?? this.binding.target);
  }

  private createProxyHeaders(options: ProxyProtocolOptions): ProxyHeaders {
    const results = {
      onDone: (arrival: Arrival) => this.admit(arrival),
      onRefused: (arrival: Arrival, reason: RefusalReason) => this.onReset(arrival, reason),
    };
    return new ProxyHeaders(proxySettings(options), results, () => this.bound);
  }

  /** The steps of a connection: raw, address of the client known, admitted, secure, delivered. */
  private onRawConnection(raw: Socket): void {
    const arrival = { raw, remote: remoteAddressOf(raw) };
    if (this.proxyHeaders === undefined) this.admit(arrival);
    else this.proxyHeaders.begin(arrival);
  }

  private admit(arrival: Arrival): void {
    if (this.closed || this.isLost(arrival)) {
      destroyWithReset(arrival.raw);
      this.onReset(arrival, this.closed ? 'listenerClosed' : 'lost');
      return;
    }
    if (this.service !== undefined) {
      arrival.admission = this.service.admit(arrival.remote);
      if (arrival.admission === undefined) {
        destroyWithReset(arrival.raw);
        return;
      }
    }
    if (this.handshakes === undefined) this.deliver(arrival, arrival.raw);
    else this.handshakes.begin(arrival);
  }

  /** The system drops the address of a TCP connection at a reset. An `accept` gets such a connection, `serve` does not. */
  private isLost({ remote }: Arrival): boolean {
    if (remote !== undefined || this.service === undefined) return false;
    return this.bound?.host !== undefined && this.options.createServer === undefined;
  }

  private deliver(arrival: Arrival, stream: Duplex): void {
    const peer = this.peerOf(arrival, stream);
    if (this.service !== undefined) this.serveBy(this.service, peer, arrival.admission);
    else if (!this.queue.add(peer)) this.refuse(peer, 'maxWaiting');
  }

  /** @param admission undefined for a connection that came before the service. */
  private serveBy(service: Service, peer: PeerSocket, admission = service.admit(peer.remoteAddress)): void {
    if (admission === undefined) peer.reset();
    else service.run(peer, admission);
  }

  private refuse(peer: PeerSocket, reason: RefusalReason): void {
    this.activity.connectionRefused(reason, peer.remoteAddress);
    peer.reset();
  }

  /** A connection was reset on its way. One that waited for an answer of `onRefused` has its reason already. */
  private onReset(arrival: Arrival, reason: RefusalReason): void {
    const { remote, admission = 'admitted' } = arrival;
    if (admission === 'admitted') this.activity.connectionRefused(reason, remote);
    this.withdraw(arrival);
    this.service?.onReset(admission === 'admitted' ? reason : admission, remote);
  }

  /** A connection has ended before it was delivered. */
  private withdraw({ remote, admission }: Arrival): void {
    if (admission !== undefined) this.service!.withdraw(remote, admission);
  }

  private peerOf(arrival: Arrival, stream: Duplex): PeerSocket {
    const { options, bound } = this;
    if (options.createServer !== undefined || needsSocketOptions(options)) withTcpOptions(stream, options);
    const isLocalAddressKnown = options.createServer === undefined && bound?.host !== undefined && !isWildcard(bound);
    return new PeerSocket(stream, options, isLocalAddressKnown ? bound : undefined, arrival);
  }

  private onAcceptFailed(error: Error): void {
    const failure = new AcceptFailedError({ local: this.bound }, error);
    this.activity.acceptFailed(failure);
    if (this.service === undefined) this.queue.fail(failure);
    else this.service.onAcceptFailed(failure);
  }
}
