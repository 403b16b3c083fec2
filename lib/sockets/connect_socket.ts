import { connect, type Socket } from 'node:net';
import { type Duplex } from 'node:stream';
import { type Address, formatAddress } from '../address';
import { ConnectFailedError, SocketClosedError, SocketStateError } from '../errors';
import { type BufferOptions, StreamSocket } from './stream_socket';
import { type TcpOptions, toNetOptions, withTcpOptions } from './platform/tcp_options';
import { requirePathFits } from './platform/unix_path';
import { checkWaitOptions, type WaitOptions } from '../async/deadlines';
import { Waiter } from '../async/waiter';

/** Where to connect to: a TCP port, the path of a Unix socket, or a stream of the caller's own making. */
export type ConnectSocketOptions = TcpOptions & BufferOptions & ConnectTarget;

export type ConnectTarget =
  | { readonly host: string; readonly port: number }
  | { readonly path: string }
  | {
      /**
       * Makes the stream when `connect` is called: `() => tls.connect({ …, allowHalfOpen: true })`, say. A stream that
       * is still connecting, or in its TLS handshake, is waited for.
       */
      readonly createConnection: () => Duplex;
    };

/** The client's socket: it connects, once; for another try, make another. */
export class ConnectSocket extends StreamSocket {
  private attempt: Waiter<void> | undefined;
  private called = false;

  /** @throws RangeError an option that is no number of bytes. */
  constructor(private readonly options: ConnectSocketOptions) {
    super(options);
  }

  /**
   * Connects. Resolves once bytes can be sent: for TLS, after the handshake.
   *
   * @throws ConnectFailedError refused, unreachable, unknown name, a failed handshake. Its message names every address
   * that was tried.
   * @throws TimedOutError, AbortedError the attempt is dropped.
   * @throws SocketClosedError `close()` came first.
   * @throws SocketStateError on a second call, whatever became of the first.
   *
   * After any failure the socket is closed, but for a signal that had fired before: that call has no effect at all.
   */
  async connect(options?: WaitOptions): Promise<void> {
    const endpoints = { remote: this.target };
    checkWaitOptions('connect', endpoints, options);
    if (this.called) throw new SocketStateError('connect', endpoints, 'connect was called already');
    if (this.isClosed) throw new SocketClosedError('connect', endpoints);
    this.called = true;
    try {
      const attempt = new Waiter<void>('connect', endpoints, options);
      this.attempt = attempt;
      this.begin(attempt);
      await attempt.promise;
    } catch (error) {
      void super.close();
      throw error;
    } finally {
      this.attempt = undefined;
    }
  }

  /** Also ends a `connect` that waits, with `SocketClosedError`. */
  override async close(): Promise<void> {
    this.cancelAttempt();
    return super.close();
  }

  /** Also ends a `connect` that waits, with `SocketClosedError`. */
  override reset(): void {
    this.cancelAttempt();
    super.reset();
  }

  private begin(attempt: Waiter<void>): void {
    const stream = this.open(attempt);
    if (stream === undefined) return;
    const onReady = (): void => {
      if (this.isClosed) return;
      this.startTraffic({ remote: this.target });
      attempt.resolve();
    };
    const event = readinessEvent(stream as Partial<Socket & HandshakeState>);
    if (event === undefined) onReady();
    else stream.once(event, onReady);
  }

  protected override onLost(cause: unknown): void {
    super.onLost(cause);
    this.attempt?.reject(new ConnectFailedError({ remote: this.target }, cause ?? 'the stream was closed'));
  }

  private cancelAttempt(): void {
    this.attempt?.reject(new SocketClosedError('connect', { remote: this.target }));
  }

  private open(attempt: Waiter<void>): Duplex | undefined {
    try {
      const stream = this.createStream();
      this.adopt(stream);
      return stream;
    } catch (unusable) {
      attempt.reject(new ConnectFailedError({ remote: this.target }, unusable));
      return undefined;
    }
  }

  private createStream(): Duplex {
    const { options } = this;
    if ('createConnection' in options) return withTcpOptions(options.createConnection(), options);
    if (!('path' in options)) return connect({ host: options.host, port: options.port, ...toNetOptions(options) });
    requirePathFits(options.path);
    return connect({ path: options.path, allowHalfOpen: true });
  }

  private get target(): Address | undefined {
    const { options } = this;
    if ('createConnection' in options) return undefined;
    return 'path' in options ? { path: options.path } : { host: options.host, port: options.port };
  }

  override toString(): string {
    return `ConnectSocket(${this.target === undefined ? 'stream' : formatAddress(this.target)})`;
  }
}

/** What a `tls.TLSSocket` tells of its handshake (`node:tls` itself is not loaded for it). */
interface HandshakeState {
  readonly encrypted: boolean;
  readonly secureConnecting: boolean;
}

/** The event that says that a stream can be used; undefined where it can be used already. */
function readinessEvent(stream: Partial<Socket & HandshakeState>): 'secureConnect' | 'connect' | undefined {
  if (stream.encrypted === true && stream.secureConnecting !== false) return 'secureConnect';
  return stream.connecting === true ? 'connect' : undefined;
}
