import { createServer, type Server, type Socket } from 'node:net';
import { type Duplex } from 'node:stream';
import { type Address, addressOfServer, isWildcard } from '../address';
import { AcceptFailedError, ListenFailedError, SocketClosedError, SocketStateError } from '../errors';
import { PeerSocket } from './peer_socket';
import {
  DEFAULT_BACKLOG,
  DEFAULT_HANDSHAKE_TIMEOUT_MS,
  DEFAULT_MAX_HANDSHAKING,
  type ListenSocketOptions,
  requireListenOptions,
} from './listen_options';
import { toNetOptions, withTcpOptions } from './platform/tcp_options';
import { rejection } from '../async/deferred';
import { removeStaleSocket } from './platform/stale_socket';
import { requirePathFits } from './platform/unix_path';
import { type HandshakeFailedError } from './tls/errors';
import { Handshakes } from './tls/handshakes';
import { requireTlsOptions, type TlsListenOptions } from './tls/tls_options';
import { checkWaitOptions, type WaitOptions } from '../async/deadlines';
import { Waiter } from '../async/waiter';

/**
 * The server's socket: it binds, listens and accepts.
 *
 * `for await (const peer of listener)` accepts one connection after the other, and ends when the listener is closed.
 * `break` closes nothing; the listener goes on.
 */
export class ListenSocket implements AsyncIterable<PeerSocket>, AsyncDisposable {
  private readonly backlog: number;
  private readonly maxWaiting: number;
  private server: Server | undefined;
  private listening: Waiter<void> | undefined;
  private bound: Address | undefined;
  private closed = false;
  private refused = 0;
  private isPathChecked = false;
  /** With TLS only. */
  private readonly handshakes: Handshakes | undefined;
  /** Connections that wait for an `accept`. At most one of these two collections has elements. */
  private readonly waitingPeers: PeerSocket[] = [];
  /** Calls of `accept` that wait for a connection. */
  private readonly waitingAccepts = new Set<Waiter<PeerSocket>>();

  /**
   * @throws TypeError, RangeError an option cannot be used, or there is not exactly one target.
   * @throws TlsOptionsError a key or a certificate cannot be used, for instance.
   */
  constructor(private readonly options: ListenSocketOptions) {
    requireListenOptions(options);
    this.backlog = options.backlog ?? DEFAULT_BACKLOG;
    this.maxWaiting = options.maxWaiting ?? this.backlog;
    if (options.tls !== undefined) this.handshakes = this.createHandshakes(options.tls);
  }

  /** The address, with the port that the system has chosen; undefined before `bindAndListen`. */
  get address(): Address | undefined {
    return this.bound;
  }

  /**
   * The number of connections that were reset: `maxWaiting` others waited, `maxHandshaking` others were in their TLS
   * handshake, or the listener was closed.
   */
  get refusedConnections(): number {
    return this.refused + (this.handshakes?.refused ?? 0);
  }

  /** The number of TLS handshakes that failed, by the time limit too; 0 for a listener without TLS. */
  get failedHandshakes(): number {
    return this.handshakes?.failed ?? 0;
  }

  /**
   * Binds the address and listens on it. After any failure but `SocketStateError` the listener is closed.
   *
   * @throws ListenFailedError the address is in use, not permitted, or not one of this machine.
   * @throws SocketClosedError, TimedOutError, AbortedError
   * @throws SocketStateError on a second call.
   */
  async bindAndListen(options?: WaitOptions): Promise<void> {
    const endpoints = { local: this.target };
    if (this.closed) throw new SocketClosedError('listen', endpoints);
    if (this.server !== undefined || this.listening !== undefined)
      throw new SocketStateError('listen', endpoints, 'it was bound already');
    checkWaitOptions('listen', endpoints, options);

    const waiter = new Waiter<void>('listen', endpoints, options);
    this.listening = waiter;
    try {
      this.startListening(waiter);
      await waiter.promise;
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
   * @throws SocketStateError before `bindAndListen`.
   */
  accept(options?: WaitOptions): Promise<PeerSocket> {
    try {
      this.requireListening(options);
    } catch (error) {
      return rejection(error);
    }
    const peer = this.waitingPeers.shift();
    if (peer !== undefined) return Promise.resolve(peer);

    const waiter: Waiter<PeerSocket> = new Waiter('accept', { local: this.bound }, options, () => {
      this.waitingAccepts.delete(waiter);
    });
    this.waitingAccepts.add(waiter);
    return waiter.promise;
  }

  /**
   * Exchanges the TLS options for the handshakes that begin from now on, a new certificate or list of revocations for
   * instance. Options that are left out stay as they are, and so do open connections.
   *
   * @throws TlsOptionsError an option cannot be used; nothing has changed.
   * @throws SocketStateError the listener has no option `tls`.
   */
  setSecureContext(changes: Partial<TlsListenOptions>): void {
    const endpoints = { local: this.bound ?? this.target };
    if (this.handshakes === undefined) {
      throw new SocketStateError('set the TLS context', endpoints, 'the listener has no option tls');
    }
    requireTlsOptions(changes);
    this.handshakes.setOptions(changes);
  }

  /**
   * Stops listening; the port is free when this resolves. Calls of `accept` that wait fail with `SocketClosedError`, and
   * connections that wait or are in their TLS handshake are reset. Accepted connections stay open. Never rejects; a
   * second call has no effect.
   */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.server?.close();
    this.listening?.reject(new SocketClosedError('listen', { local: this.target }));
    for (const waiter of this.waitingAccepts) waiter.reject(new SocketClosedError('accept', { local: this.bound }));
    this.waitingAccepts.clear();
    for (const peer of this.waitingPeers.splice(0)) peer.reset();
    this.handshakes?.close();
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
  }

  private startListening(waiter: Waiter<void>): void {
    try {
      if (this.options.path !== undefined) requirePathFits(this.options.path);
      const server = this.options.createServer?.() ?? createServer(toNetOptions(this.options));
      this.server = server;
      requirePlain(server);
      server.on('connection', (raw) => this.onRawConnection(raw));
      server.on('error', (error) => this.onError(error));
      server.on('listening', () => this.onListening(server, waiter));
      this.bind(server);
    } catch (unusable) {
      waiter.reject(new ListenFailedError({ local: this.target }, unusable));
    }
  }

  private bind(server: Server): void {
    const { host, port, path } = this.options;
    server.listen({ ...(path === undefined ? { host, port } : { path }), backlog: this.backlog });
  }

  private createHandshakes(tls: TlsListenOptions): Handshakes {
    const { handshakeTimeoutMs, maxHandshaking, onHandshakeError } = this.options;
    const limits = {
      timeoutMs: handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS,
      most: maxHandshaking ?? DEFAULT_MAX_HANDSHAKING,
    };
    const results = {
      onDone: (secure: Duplex) => this.deliver(secure),
      onFailed: (error: HandshakeFailedError) => onHandshakeError?.(error),
    };
    return new Handshakes(tls, limits, results, () => this.bound ?? this.target);
  }

  private onListening(server: Server, waiter: Waiter<void>): void {
    this.bound = addressOfServer(server.address());
    waiter.resolve();
  }

  /** The first of the three steps of a connection: raw, secure, delivered. */
  private onRawConnection(raw: Socket): void {
    this.secure(raw);
  }

  /** With TLS, `deliver` follows after the handshake. */
  private secure(raw: Socket): void {
    if (this.handshakes === undefined) this.deliver(raw);
    else this.handshakes.begin(raw);
  }

  /** Gives a connection to the call of `accept` that waits longest, or keeps it for the next one. */
  private deliver(stream: Duplex): void {
    const peer = this.peerOf(stream);
    const [waiter] = this.waitingAccepts;
    if (waiter !== undefined) {
      this.waitingAccepts.delete(waiter);
      waiter.resolve(peer);
    } else if (!this.closed && this.waitingPeers.length < this.maxWaiting) {
      this.waitingPeers.push(peer);
    } else {
      this.refused++;
      peer.reset();
    }
  }

  private peerOf(stream: Duplex): PeerSocket {
    const { options, bound } = this;
    if (options.createServer !== undefined) return new PeerSocket(withTcpOptions(stream, options), options);
    const isLocalAddressKnown = bound !== undefined && 'host' in bound && !isWildcard(bound);
    return new PeerSocket(stream, options, isLocalAddressKnown ? bound : undefined);
  }

  /** Until the server listens, its error fails `bindAndListen`; later, it fails one call of `accept`. */
  private onError(error: Error): void {
    if (this.listening !== undefined) {
      this.onListenError(error, this.listening);
      return;
    }
    const [waiter] = this.waitingAccepts;
    if (waiter === undefined) return;
    this.waitingAccepts.delete(waiter);
    waiter.reject(new AcceptFailedError({ local: this.bound }, error));
  }

  private onListenError(error: NodeJS.ErrnoException, waiter: Waiter<void>): void {
    const { path, replaceStaleSocket } = this.options;
    if (error.code === 'EADDRINUSE' && replaceStaleSocket === true && !this.isPathChecked) {
      this.isPathChecked = true;
      void this.bindAfterStaleSocket(path, error, waiter);
    } else {
      waiter.reject(new ListenFailedError({ local: this.target }, error));
    }
  }

  /** Removes the file of a socket that nobody listens on, and binds again; else `bindAndListen` fails with `inUse`. */
  private async bindAfterStaleSocket(path: string, inUse: Error, waiter: Waiter<void>): Promise<void> {
    try {
      const isFree = await removeStaleSocket(path, () => !this.closed);
      if (this.closed) return;
      if (!isFree) throw inUse;
      this.bind(this.server!);
    } catch (error) {
      waiter.reject(new ListenFailedError({ local: this.target }, error));
    }
  }

  private get target(): Address {
    const { options } = this;
    return options.path === undefined ? { host: options.host ?? '::', port: options.port } : { path: options.path };
  }
}

/**
 * A TLS server of the caller would carry out handshakes without a clock. (`node:tls` is not loaded for the test.)
 *
 * @throws TypeError
 */
function requirePlain(server: Server): void {
  if ('addContext' in server) throw new TypeError('createServer must make a plain server; TLS has the option tls');
}
