import { type Socket } from 'node:net';
import { type Server, type TLSSocket } from 'node:tls';
import { type Address, remoteAddressOf } from '../../address';
import { describeCause, HandshakeFailedError } from '../../errors';
import { destroyWithReset } from '../platform/stream_close';
import { type TlsListenOptions } from './tls_options';

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
  /** A handshake is done. */
  onDone(secure: TLSSocket): void;
  onFailed(error: HandshakeFailedError): void;
}

/** Node's time limit, beyond every one of a listener. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * The TLS handshakes of a listener, from the raw connection to the secure one.
 *
 * A `tls.Server` that does not listen carries them out: Node documents its `connection` event as the way to give it a
 * connection. Node itself neither ends a handshake with a silent client, nor those that go on when a server is closed.
 */
export class Handshakes {
  private readonly server: Server;
  private readonly pending = new Map<Socket, Handshake>();
  private refusedCount = 0;
  private failedCount = 0;

  /** Loads `node:tls`. */
  constructor(
    options: TlsListenOptions,
    private readonly limits: HandshakeLimits,
    private readonly results: HandshakeResults,
    private readonly local: () => Address | undefined,
  ) {
    this.server = this.createServer(options);
  }

  /** The number of connections that were reset, since too many others were in their handshake or by `close`. */
  get refused(): number {
    return this.refusedCount;
  }

  /** The number of handshakes that failed: by an error, an end of the client, a refused certificate or the time limit. */
  get failed(): number {
    return this.failedCount;
  }

  /** Begins the handshake of a raw connection, or resets it if too many others go on. */
  begin(raw: Socket): void {
    if (this.pending.size >= this.limits.most) {
      this.refuse(raw);
      return;
    }
    const timer = setTimeout(() => this.onTimeout(raw), this.limits.timeoutMs);
    this.pending.set(raw, { timer, remote: remoteAddressOf(raw) });
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

  private createServer(options: TlsListenOptions): Server {
    const { createServer } = process.getBuiltinModule('node:tls');
    return createServer({ ...options, handshakeTimeout: LONGEST_TIMER_MS })
      .on('secureConnection', (secure) => {
        this.take(secure);
        this.results.onDone(secure);
      })
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
    this.report(remote, `was not done within ${this.limits.timeoutMs} ms`);
  }

  /** A connection that was ended here has an error too, which is not reported again. */
  private onError(error: Error, secure: TLSSocket): void {
    const handshake = this.take(secure);
    if (handshake === undefined) return;
    const authorizationError: unknown = secure.authorizationError;
    const reason =
      typeof authorizationError === 'string'
        ? `the client's certificate was refused (${authorizationError})`
        : describeCause(error);
    this.report(handshake.remote, `failed: ${reason}`, error);
  }

  /** Ends the watch of a handshake. */
  private take(secure: TLSSocket): Handshake | undefined {
    const raw = rawConnectionOf(secure);
    const handshake = this.pending.get(raw);
    clearTimeout(handshake?.timer);
    this.pending.delete(raw);
    return handshake;
  }

  private report(remote: Address | undefined, problem: string, cause?: unknown): void {
    this.failedCount++;
    this.results.onFailed(new HandshakeFailedError({ local: this.local(), remote }, problem, cause));
  }
}

/** The raw connection under a secure one. Node has no public name for it, and its events give the secure one only. */
function rawConnectionOf(secure: TLSSocket): Socket {
  return (secure as TLSSocket & { readonly _parent: Socket })._parent;
}
