import { connect, type Socket } from 'node:net';
import { type Duplex } from 'node:stream';
import { type Address, formatAddress, remoteAddressOf } from '../address';
import { checkWaitOptions, type WaitOptions } from '../async/deadlines';
import { Waiter } from '../async/waiter';
import {
  ConnectFailedError,
  type Endpoints,
  SocketClosedError,
  type SocketError,
  SocketStateError,
  TimedOutError,
} from '../errors';
import { type Opening } from './connection/connection';
import { type ConnectSocketOptions, requireConnectOptions } from './connect_options';
import { needsSocketOptions, toNetOptions, withTcpOptions } from './platform/tcp_options';
import { requirePathFits } from './platform/unix_path';
import { StreamSocket } from './stream_socket';
import { TlsOptionsError } from './tls/errors';
import { clientHandshakeError } from './tls/handshake_failure';
import { connectTls } from './tls/tls_connection';
import { keepTlsInfo } from './tls/tls_info';

/** The client's socket. It connects once; another attempt needs another socket. */
export class ConnectSocket extends StreamSocket {
  private isConnectCalled = false;

  /** @throws TypeError, RangeError an option cannot be used, or there is not exactly one target. */
  constructor(private readonly options: ConnectSocketOptions) {
    requireConnectOptions(options);
    super(options);
  }

  /**
   * Connects. Resolves when bytes can be sent: for TLS, after the handshake.
   *
   * @throws ConnectFailedError refused, unreachable, unknown name. The message names every address that was tried.
   * @throws HandshakeFailedError the TLS handshake failed; its `reason` is for programs.
   * @throws TlsOptionsError a key or a certificate of the option `tls` cannot be used, for instance.
   * @throws CertificateRefusedError the peer has refused the certificate of this side within the handshake.
   * @throws TimedOutError, AbortedError the attempt is dropped.
   * @throws SocketClosedError `close()` or `reset()` came before, or meanwhile.
   * @throws SocketStateError on a second call, whatever the result of the first was.
   *
   * After any failure the socket is closed. One exception: a signal that had fired before, which has no effect at all.
   */
  async connect(options?: WaitOptions): Promise<void> {
    const endpoints: { remote: Address | undefined } = { remote: this.target };
    checkWaitOptions('connect', endpoints, options);
    if (this.isConnectCalled) throw new SocketStateError('connect', endpoints, 'connect was called already');
    if (this.isClosed) throw new SocketClosedError('connect', endpoints);
    this.isConnectCalled = true;
    const attempt = new ConnectAttempt(endpoints, options);
    try {
      this.begin(attempt, endpoints);
      await attempt.promise;
    } catch (error) {
      void this.close();
      throw attempt.isInHandshake && error instanceof TimedOutError
        ? new TimedOutError('connect', endpoints, error.timeoutMs, 'handshake')
        : error;
    }
  }

  /** @param endpoints those of the attempt; the address of a TLS stream is added when it is known. */
  private begin(attempt: ConnectAttempt, endpoints: { remote: Address | undefined }): void {
    this.connection.awaitOpen(attempt);
    let stream: Duplex;
    try {
      stream = this.createStream();
      this.connection.adopt(stream);
    } catch (unusable) {
      attempt.onLost(unusable);
      return;
    }
    const onReady = (): void => {
      if (this.isClosed) return;
      keepTlsInfo(stream);
      this.connection.open({ remote: this.target });
    };
    const event = readinessEvent(stream as Partial<Socket & HandshakeState>);
    if (event === undefined) onReady();
    else stream.once(event, onReady);
    if (event !== 'secureConnect') return;
    const onConnected = (): void => {
      attempt.isInHandshake = true;
      // The system drops the address at the end of a connection, so before the error of a handshake.
      endpoints.remote ??= remoteAddressOf(stream);
    };
    if ((stream as Partial<Socket>).connecting === true) stream.once('connect', onConnected);
    else onConnected();
  }

  private createStream(): Duplex {
    const { options, target } = this;
    if (target === undefined) return withTcpOptions(options.createConnection!(), options);
    if (target.path !== undefined) requirePathFits(target.path);
    const { localAddress, localPort, family, lookup } = options;
    const route = target.path !== undefined ? target : { ...target, localAddress, localPort, family, lookup };
    if (options.tls !== undefined) {
      return withTcpOptions(connectTls(route, options.tls, 'connect', { remote: target }), options);
    }
    const socket = connect({ ...route, ...toNetOptions(options) });
    if (needsSocketOptions(options)) socket.once('connect', () => withTcpOptions(socket, options));
    return socket;
  }

  private get target(): Address | undefined {
    const { options } = this;
    if (options.createConnection !== undefined) return undefined;
    return options.path === undefined ? { host: options.host, port: options.port } : { path: options.path };
  }

  protected override get serverHost(): string | undefined {
    return this.options.host ?? super.serverHost;
  }

  override toString(): string {
    return `ConnectSocket(${this.target === undefined ? 'stream' : formatAddress(this.target)})`;
  }
}

/** The promise of `connect`, which the connection settles when it leaves the phase `connecting`. */
class ConnectAttempt implements Opening {
  /** Whether the stream is connected, and its TLS handshake goes on. */
  isInHandshake = false;
  private readonly waiter: Waiter<void>;

  constructor(
    private readonly endpoints: Endpoints,
    options: WaitOptions | undefined,
  ) {
    this.waiter = new Waiter('connect', endpoints, options);
  }

  get promise(): Promise<void> {
    return this.waiter.promise;
  }

  onOpen(): void {
    this.waiter.resolve();
  }

  onLost(cause: unknown): void {
    this.waiter.reject(this.failure(cause));
  }

  onClosedHere(): void {
    this.waiter.reject(new SocketClosedError('connect', this.endpoints));
  }

  private failure(cause: unknown): SocketError {
    if (cause instanceof TlsOptionsError) return cause;
    if (this.isInHandshake) return clientHandshakeError('connect', this.endpoints, cause);
    return new ConnectFailedError(this.endpoints, cause ?? 'the stream was closed');
  }
}

/** The handshake of a `tls.TLSSocket`. (`node:tls` is not loaded for the type's sake.) */
interface HandshakeState {
  readonly encrypted: boolean;
  readonly secureConnecting: boolean;
}

/** The event after which a stream can be used; undefined if it can be used already. */
function readinessEvent(stream: Partial<Socket & HandshakeState>): 'secureConnect' | 'connect' | undefined {
  if (stream.encrypted === true && stream.secureConnecting !== false) return 'secureConnect';
  return stream.connecting === true ? 'connect' : undefined;
}
