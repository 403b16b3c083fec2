import { type Socket } from 'node:net';
import { type Server, type TLSSocket } from 'node:tls';
import { type Address } from '../../address';
import { type Endpoints, type Operation } from '../../errors';
import { destroyWithReset } from '../platform/stream_close';
import { type Arrival } from '../serving/arrival';
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

/**
 * The TLS handshakes of a listener, from the raw connection to the secure one. Node itself neither ends a handshake with a
 * silent client, nor those that go on when a server is closed.
 */
export class Handshakes {
  private server: Server;
  private readonly pending = new Map<Socket, Handshake>();

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
  begin(arrival: Arrival): void {
    const { raw } = arrival;
    if (this.pending.size >= this.limits.most) {
      this.refuse(arrival, 'maxHandshaking');
      return;
    }
    const timer = setTimeout(() => this.onTimeout(raw), this.limits.timeoutMs);
    this.pending.set(raw, { timer, arrival });
    // An end of the client ends the handshake. The secure connection takes the value over; its socket sets it again.
    raw.allowHalfOpen = false;
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

  private createServer(options: TlsListenOptions, operation: Operation): Server {
    return createTlsServer(options, operation, { local: this.local() })
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
    const problem = `was not done within ${this.limits.timeoutMs} ms`;
    this.results.onFailed(arrival, new HandshakeFailedError('accept', this.endpointsOf(arrival), 'timeout', problem));
  }

  /** A connection that was ended here has an error too, which is not reported again. */
  private onError(error: Error, secure: TLSSocket): void {
    const handshake = this.take(secure);
    if (handshake === undefined) return;
    const { arrival } = handshake;
    const failure = handshakeError('accept', this.endpointsOf(arrival), 'client', error, refusalOf(secure));
    this.results.onFailed(arrival, failure);
  }

  /** Ends the watch of a handshake. */
  private take(secure: TLSSocket): Handshake | undefined {
    const raw = rawConnectionOf(secure);
    const handshake = this.pending.get(raw);
    clearTimeout(handshake?.timer);
    this.pending.delete(raw);
    return handshake;
  }

  private endpointsOf({ remote }: Arrival): Endpoints {
    return { local: this.local(), remote };
  }
}

/** The raw connection under a secure one. Node has no public name for it, and its events give the secure one only. */
function rawConnectionOf(secure: TLSSocket): Socket {
  return (secure as TLSSocket & { readonly _parent: Socket })._parent;
}
