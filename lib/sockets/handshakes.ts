import { type Server, type Socket } from 'node:net';
import { type Duplex } from 'node:stream';
import { type Address, remoteAddressOf } from '../address';
import { describeCause, HandshakeFailedError } from '../errors';
import { destroyWithReset } from './platform/stream_close';

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

/** A `tls.TLSSocket` of a server. (`node:tls` is not loaded for the type's sake.) */
interface SecureSocket extends Duplex {
  /**
   * The TCP connection or Unix socket underneath. Node has no public name for it; the events of a TLS server give the
   * secure socket only.
   */
  readonly _parent?: Socket;
  /** OpenSSL's code for the reason why the certificate of the client was refused. */
  readonly authorizationError?: string | null;
}

/**
 * The TLS handshakes of a listener that are not done. Node gives a connection to the program after its handshake; before
 * that nobody ends it, neither when the client is silent nor when the server is closed.
 */
export class Handshakes {
  private readonly pending = new Map<Socket, Handshake>();
  private refusedCount = 0;
  private failedCount = 0;

  /** @param onFailed called after each handshake that has failed. */
  constructor(
    private readonly limits: HandshakeLimits,
    private readonly onFailed: ((error: HandshakeFailedError) => void) | undefined,
    private readonly local: () => Address | undefined,
  ) {}

  /** The number of connections that were reset, since too many others were in their handshake or by `close`. */
  get refused(): number {
    return this.refusedCount;
  }

  /** The number of handshakes that failed: by an error, an end of the client, a refused certificate or the time limit. */
  get failed(): number {
    return this.failedCount;
  }

  /** Watches the handshakes of a TLS server. Called once. */
  watch(server: Server): void {
    server.on('connection', (stream) => this.begin(stream));
    server.on('secureConnection', (secure: SecureSocket) => this.take(secure));
    server.on('tlsClientError', (error: Error, secure: SecureSocket) => this.onError(error, secure));
  }

  /** Resets every connection whose handshake is not done. */
  close(): void {
    for (const [stream, { timer }] of this.pending) {
      clearTimeout(timer);
      this.refuse(stream);
    }
    this.pending.clear();
  }

  private begin(stream: Socket): void {
    if (this.pending.size >= this.limits.most) {
      this.refuse(stream);
      return;
    }
    const timer = setTimeout(() => this.onTimeout(stream), this.limits.timeoutMs);
    this.pending.set(stream, { timer, remote: remoteAddressOf(stream) });
  }

  private refuse(stream: Socket): void {
    this.refusedCount++;
    destroyWithReset(stream);
  }

  private onTimeout(stream: Socket): void {
    const { remote } = this.pending.get(stream)!;
    this.pending.delete(stream);
    destroyWithReset(stream);
    this.report(remote, `was not done within ${this.limits.timeoutMs} ms`);
  }

  /** A connection that was ended here has an error too, which is not reported again. */
  private onError(error: Error, secure: SecureSocket): void {
    const handshake = this.take(secure);
    if (handshake === undefined) return;
    // The time limit of the TLS server itself reports an error and leaves the connection open.
    secure.destroy();
    const { authorizationError } = secure;
    const reason =
      typeof authorizationError === 'string'
        ? `the client's certificate was refused (${authorizationError})`
        : describeCause(error);
    this.report(handshake.remote, `failed: ${reason}`, error);
  }

  /** Ends the watch of a handshake. */
  private take(secure: SecureSocket): Handshake | undefined {
    const stream = secure._parent!;
    const handshake = this.pending.get(stream);
    clearTimeout(handshake?.timer);
    this.pending.delete(stream);
    return handshake;
  }

  private report(remote: Address | undefined, problem: string, cause?: unknown): void {
    this.failedCount++;
    this.onFailed?.(new HandshakeFailedError({ local: this.local(), remote }, problem, cause));
  }
}
