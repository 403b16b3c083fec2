import { type Socket } from 'node:net';
import { type Server, type TLSSocket } from 'node:tls';
import { type Address } from '../../address';
import { describeCause, HandshakeFailedError } from '../../errors';
import { destroyWithReset } from '../platform/stream_close';
import { type Arrival } from '../serving/arrival';
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
  readonly arrival: Arrival;
}

/** What the handshakes of a listener lead to. */
export interface HandshakeResults {
  /** A handshake is done. */
  onDone(arrival: Arrival, secure: TLSSocket): void;
  /** The connection is destroyed. */
  onFailed(arrival: Arrival, error: HandshakeFailedError): void;
  /** The connection was reset: too many others were in their handshake, or the listener was closed. */
  onRefused(arrival: Arrival, reason: 'maxHandshaking' | 'listenerClosed'): void;
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

  /** Loads `node:tls`. */
  constructor(
    options: TlsListenOptions,
    private readonly limits: HandshakeLimits,
    private readonly results: HandshakeResults,
    private readonly local: () => Address | undefined,
  ) {
    this.server = this.createServer(options);
  }

  /** Begins the handshake of a raw connection, or resets it if too many others go on. */
  begin(arrival: Arrival): void {
    const { raw } = arrival;
    if (this.pending.size >= this.limits.most) {
      this.refuse(arrival, 'maxHandshaking');
      return;
    }
    const timer = setTimeout(() => this.onTimeout(raw), this.limits.timeoutMs);
    this.pending.set(raw, { timer, arrival });
    this.server.emit('connection', raw);
  }

  /** Resets every connection whose handshake is not done. */
  close(): void {
    const pending = Array.from(this.pending.values());
    this.pending.clear();
    for (const { timer, arrival } of pending) {
      clearTimeout(timer);
      this.refuse(arrival, 'listenerClosed');
    }
  }

  private createServer(options: TlsListenOptions): Server {
    const { createServer } = process.getBuiltinModule('node:tls');
    return createServer({ ...options, handshakeTimeout: LONGEST_TIMER_MS })
      .on('secureConnection', (secure) => {
        const handshake = this.take(secure);
        if (handshake !== undefined) this.results.onDone(handshake.arrival, secure);
      })
      .on('tlsClientError', (error, secure) => this.onError(error, secure));
  }

  private refuse(arrival: Arrival, reason: 'maxHandshaking' | 'listenerClosed'): void {
    destroyWithReset(arrival.raw);
    this.results.onRefused(arrival, reason);
  }

  private onTimeout(raw: Socket): void {
    const { arrival } = this.pending.get(raw)!;
    this.pending.delete(raw);
    destroyWithReset(raw);
    this.report(arrival, `was not done within ${this.limits.timeoutMs} ms`);
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
    this.report(handshake.arrival, `failed: ${reason}`, error);
  }

  /** Ends the watch of a handshake. */
  private take(secure: TLSSocket): Handshake | undefined {
    const raw = rawConnectionOf(secure);
    const handshake = this.pending.get(raw);
    clearTimeout(handshake?.timer);
    this.pending.delete(raw);
    return handshake;
  }

  private report(arrival: Arrival, problem: string, cause?: unknown): void {
    const endpoints = { local: this.local(), remote: arrival.remote };
    this.results.onFailed(arrival, new HandshakeFailedError(endpoints, problem, cause));
  }
}

/** The raw connection under a secure one. Node has no public name for it, and its events give the secure one only. */
function rawConnectionOf(secure: TLSSocket): Socket {
  return (secure as TLSSocket & { readonly _parent: Socket })._parent;
}
