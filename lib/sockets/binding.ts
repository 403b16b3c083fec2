import { chmodSync } from 'node:fs';
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { type Address, addressOfServer } from '../address';
import { ListenFailedError } from '../errors';
import { DEFAULT_BACKLOG, type ListenSocketOptions } from './listen_options';
import { removeStaleSocket } from './platform/stale_socket';
import { toNetOptions } from './platform/tcp_options';
import { requirePathFits } from './platform/unix_path';

/** What the server underneath a listener leads to. */
export interface BindingEvents {
  onListening(address: Address): void;
  onListenFailed(error: ListenFailedError): void;
  onConnection(raw: Socket): void;
  /** accept(2) has failed. */
  onAcceptFailed(error: Error): void;
}

/** The server underneath a listener: it binds the address, and listens on it. */
export class Binding {
  private server: Server | undefined;
  private isListening = false;
  private isClosed = false;
  private isPathChecked = false;
  private isUnref = false;

  constructor(
    private readonly options: ListenSocketOptions,
    private readonly events: BindingEvents,
  ) {}

  /** The address to bind; undefined for an inherited descriptor. */
  get target(): Address | undefined {
    const { host, port, path, fd } = this.options;
    if (fd !== undefined) return undefined;
    return path === undefined ? { host: host ?? '::', port } : { path };
  }

  /** Binds and listens. `onListening` or `onListenFailed` follows. Called once. */
  listen(): void {
    try {
      if (this.options.path !== undefined) requirePathFits(this.options.path);
      const server = this.options.createServer?.() ?? createServer(toNetOptions(this.options));
      this.server = server;
      requirePlain(server);
      server.on('connection', (raw) => this.events.onConnection(raw));
      server.on('error', (error) => this.onError(error));
      server.on('listening', () => this.onListening(server));
      if (this.isUnref) server.unref();
      this.bind(server);
    } catch (unusable) {
      this.fail(unusable);
    }
  }

  close(): void {
    this.isClosed = true;
    this.server?.close();
  }

  /** Whether the server keeps the process alive. */
  setRef(isRef: boolean): void {
    this.isUnref = !isRef;
    if (isRef) this.server?.ref();
    else this.server?.unref();
  }

  private bind(server: Server): void {
    const { host, port, path, fd, ipv6Only, reusePort, backlog = DEFAULT_BACKLOG } = this.options;
    const address = fd !== undefined ? { fd } : path !== undefined ? { path } : { host, port, ipv6Only, reusePort };
    // The types of Node 20 have neither `fd` nor `reusePort`.
    server.listen({ ...address, backlog } as ListenOptions);
  }

  private onListening(server: Server): void {
    try {
      const { path, mode } = this.options;
      if (mode !== undefined) chmodSync(path, mode);
      this.isListening = true;
      this.events.onListening(addressOfServer(server.address())!);
    } catch (unusable) {
      this.fail(unusable);
    }
  }

  /** An error before the server listens is that of bind(2) or listen(2); a later one is that of accept(2). */
  private onError(error: NodeJS.ErrnoException): void {
    const { path, replaceStaleSocket } = this.options;
    if (this.isListening) {
      this.events.onAcceptFailed(error);
    } else if (error.code === 'EADDRINUSE' && replaceStaleSocket === true && !this.isPathChecked) {
      this.isPathChecked = true;
      void this.bindAfterStaleSocket(path, error);
    } else {
      this.fail(error);
    }
  }

  /** Removes the file of a socket without a listener, and binds again; else the failure is `inUse`. */
  private async bindAfterStaleSocket(path: string, inUse: Error): Promise<void> {
    try {
      const isFree = await removeStaleSocket(path, () => !this.isClosed);
      if (this.isClosed) return;
      if (!isFree) throw inUse;
      this.bind(this.server!);
    } catch (error) {
      this.fail(error);
    }
  }

  private fail(cause: unknown): void {
    this.events.onListenFailed(new ListenFailedError({ local: this.target }, cause));
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
