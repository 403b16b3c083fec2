import { type Socket } from 'node:net';
import { type Server, type TLSSocket } from 'node:tls';
import { type Address, remoteAddressOf } from '../../address';
import { type Operation } from '../../errors';
import { destroyWithReset } from '../platform/stream_close';
import { HandshakeFailedError } from './errors';
import { handshakeError } from './handshake_failure';
import { type TlsListenOptions } from './tls_options';
import { createTlsServer, refusalOf } from './tls_server';

/** The bounds of the handshakes of one listener. */
export interface HandshakeLimits {
  /** Milliseconds from the TCP connection to the end of its handshake. */
  readonly timeoutMs: number;
  /** The number of handshakes at once. */
  readonly most: number;
}

/** A handshake that is not done. */
interface Handshake {
  readonly timer: NodeJS.Timeout;
  /** The address of the client; the system drops it at a reset. */
  readonly remote: Address | undefined;
}

/** What the handshakes of a listener lead to. */
export interface HandshakeResults {
  /** A handshake is done: `secure` takes the place of `raw`. */
  onDone(secure: TLSSocket, raw: Socket): void;
  onFailed(error: HandshakeFailedError): void;
}

/**
 * The TLS handshakes of a listener, from the raw connection to the secure one. Node itself neither ends a handshake with a
 * silent client, nor those that go on when a server is closed.
 */
export class Handshakes {
  private server: Server;
  private readonly pending = new Map<Socket, Handshake>();
  private refusedCount = 0;
  private failedCount = 0;

  /**
   * @param local the address of the listener, as far as it is known.
   * @throws TlsOptionsError
   */
  constructor(
    private options: TlsListenOptions,
    private readonly limits: HandshakeLimits,
    private readonly results: HandshakeResults,
    private readonly local: () => Address | undefined,
  ) {
    this.server = this.createServer(options, 'listen');
  }

  /** The number of connections that were reset, since too many others were in their handshake or by `close`. */
  get refused(): number {
    return this.refusedCount;
  }

  /** The number of handshakes that failed: by an error, an end of the client, a refused certificate or the time limit. */
  get failed(): number {
    return this.failedCount;
  }

  /**
   * Exchanges options for the handshakes that begin from now on; those that are left out stay as they are.
   *
   * @throws TlsOptionsError nothing has changed.
   */
  setOptions(changes: Partial<TlsListenOptions>): void {
    const options = { ...this.options, ...changes };
    this.server = this.createServer(options, 'set the TLS context');
    this.options = options;
  }

  /** Begins the handshake of a raw connection, or resets it if too many others go on. */
  begin(raw: Socket): void {
    if (this.pending.size >= this.limits.most) {
      this.refuse(raw);
      return;
    }
    const timer = setTimeout(() => this.onTimeout(raw), this.limits.timeoutMs);
    this.pending.set(raw, { timer, remote: remoteAddressOf(raw) });
    // An end of the client ends the handshake. The secure connection takes the value over; its socket sets it again.
    raw.allowHalfOpen = false;
    this.server.emit('connection', raw);
  }

  /** Resets every connection whose handshake is not done. */
  close(): void {
    for (const [raw, { timer }] of this.pending) {
      clearTimeout(timer);
      this.refuse(raw);
    }
    this.pending.clear();
  }

  private createServer(options: TlsListenOptions, operation: Operation): Server {
    return createTlsServer(options, operation, { local: this.local() })
      .on('secureConnection', (secure) => this.onDone(secure))
      .on('tlsClientError', (error, secure) => this.onError(error, secure));
  }

  private refuse(raw: Socket): void {
    this.refusedCount++;
    destroyWithReset(raw);
  }

  private onTimeout(raw: Socket): void {
    const { remote } = this.pending.get(raw)!;
    this.pending.delete(raw);
    destroyWithReset(raw);
    const endpoints = { local: this.local(), remote };
    const problem = `was not done within ${this.limits.timeoutMs} ms`;
    this.report(new HandshakeFailedError('accept', endpoints, 'timeout', problem));
  }

  private onDone(secure: TLSSocket): void {
    const raw = rawConnectionOf(secure);
    this.take(raw);
    this.results.onDone(secure, raw);
  }

  /** A connection that was ended here has an error too, which is not reported again. */
  private onError(error: Error, secure: TLSSocket): void {
    const handshake = this.take(rawConnectionOf(secure));
    if (handshake === undefined) return;
    const endpoints = { local: this.local(), remote: handshake.remote };
    this.report(handshakeError('accept', endpoints, 'client', error, refusalOf(secure)));
  }

  /** Ends the watch of a handshake. */
  private take(raw: Socket): Handshake | undefined {
    const handshake = this.pending.get(raw);
    clearTimeout(handshake?.timer);
    this.pending.delete(raw);
    return handshake;
  }

  private report(error: HandshakeFailedError): void {
    this.failedCount++;
    this.results.onFailed(error);
  }
}

/** The raw connection under a secure one. Node has no public name for it, and its events give the secure one only. */
function rawConnectionOf(secure: TLSSocket): Socket {
  return (secure as TLSSocket & { readonly _parent: Socket })._parent;
}
