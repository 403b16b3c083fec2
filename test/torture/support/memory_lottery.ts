import { once } from 'node:events';
import { connect } from 'node:net';
import { type Duplex } from 'node:stream';
import { ListenSocket, PeerSocket, SocketClosedError } from '../../../lib/index';
import { MemoryStream } from '../../../lib/testing/index';
import { ActionLog, type LogLevel } from '../../../apps/runtime/action_log';
import { type ExitCode } from '../../../apps/runtime/exit_code';
import { loadSettings } from '../../../apps/runtime/settings';
import { createServerContainer } from '../../../apps/server/container';
import { type LotteryServer } from '../../../apps/server/lottery_server';
import { SERVER_SETTINGS } from '../../../apps/server/settings';
import { type StoreDirectory } from '../../../apps/server/storage/files/disk/file_system';
import { TOKENS } from '../../../apps/server/tokens';

export interface MemoryLotteryOptions {
  readonly directory: StoreDirectory;
  readonly agencies: number;
  readonly settings?: Readonly<Record<string, string>>;
  readonly logLevel?: LogLevel;
  /** The capacity of a connection in memory, in bytes for each direction. */
  readonly capacityBytes?: number;
  /** Whether the connections use the loopback interface instead of memory. */
  readonly overTcp?: boolean;
}

/**
 * The server of the product's container in this process, with the given directory, and with connections in memory
 * instead of a port.
 */
export class MemoryLottery {
  readonly log: string[] = [];
  /** The result of `run`: resolves with the exit code. */
  readonly ended: Promise<ExitCode>;
  private readonly stopping = new AbortController();
  private readonly listener: MemoryListener | TcpListener;
  private hasEnded = false;

  constructor({
    directory,
    agencies,
    settings = {},
    logLevel = 'WARNING',
    overTcp = false,
    capacityBytes,
  }: MemoryLotteryOptions) {
    const environment = {
      CONFIG_FILE: '/dev/null',
      SERVER_AGENCIES: String(agencies),
      SERVER_WAIT_HOLD_MS: '0',
      ...settings,
    };
    this.listener = overTcp ? new TcpListener() : new MemoryListener(capacityBytes);
    const values = loadSettings(SERVER_SETTINGS, { defaultFile: '', environment });
    const log = new ActionLog(logLevel, (lines) => this.log.push(lines));
    const container = createServerContainer(values, log);
    container.rebind(TOKENS.StoreDirectory).toConstantValue(directory);
    container.rebind(TOKENS.ListenSocket).toConstantValue(this.listener);
    this.ended = container.get<LotteryServer>(TOKENS.LotteryServer).run(this.stopping.signal);
    const onEnd = (): void => {
      this.hasEnded = true;
      this.listener.fail();
    };
    this.ended.then(onEnd, (error: Error) => {
      this.log.push(String(error.stack));
      onEnd();
    });
  }

  get isOver(): boolean {
    return this.hasEnded;
  }

  /** The agency's end of a new connection. Waits until the server listens. */
  async dial(): Promise<Duplex> {
    return this.listener.connect();
  }

  /** The port of a server over TCP. Waits until it listens. */
  async port(): Promise<number> {
    if (!(this.listener instanceof TcpListener)) throw new Error('the connections are in memory');
    return this.listener.port();
  }

  /** Stops the server, as by SIGTERM. */
  async stop(): Promise<ExitCode> {
    this.stopping.abort();
    return this.ended;
  }
}

/** A listener in memory, with the methods used by the server. */
class MemoryListener {
  readonly address = { host: 'memory', port: 0 };
  private readonly waiting: PeerSocket[] = [];
  private accepting: { resolve: (peer: PeerSocket) => void; reject: (error: Error) => void } | undefined;
  private readonly listening: Promise<void>;
  private listen!: () => void;
  private refuse!: (error: Error) => void;
  private isClosed = false;

  constructor(private readonly capacityBytes: number | undefined) {
    this.listening = new Promise((resolve, reject) => {
      this.listen = resolve;
      this.refuse = reject;
    });
    this.listening.catch(() => {});
  }

  async bindAndListen(): Promise<void> {
    this.listen();
  }

  async accept(): Promise<PeerSocket> {
    if (this.isClosed) throw new SocketClosedError('accept', {});
    const peer = this.waiting.shift();
    if (peer !== undefined) return peer;
    return new Promise((resolve, reject) => {
      this.accepting = { resolve, reject };
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.accepting?.reject(new SocketClosedError('accept', {}));
    for (const peer of this.waiting.splice(0)) peer.reset();
  }

  /** Rejects the waits for a listening server, after the end of the server. */
  fail(): void {
    this.isClosed = true;
    this.refuse(new Error('the server has ended'));
  }

  async connect(): Promise<Duplex> {
    await this.listening;
    if (this.isClosed) throw new Error('the server no longer listens');
    const { capacityBytes } = this;
    const [near, far] = MemoryStream.pair(capacityBytes === undefined ? {} : { capacityBytes });
    const peer = new PeerSocket(far);
    const { accepting } = this;
    this.accepting = undefined;
    if (accepting === undefined) this.waiting.push(peer);
    else accepting.resolve(peer);
    return near;
  }
}

/** A listener on a free port of the loopback interface. */
class TcpListener extends ListenSocket {
  private readonly ready: Promise<void>;
  private settle!: { resolve: () => void; reject: (error: Error) => void };

  constructor() {
    super({ host: '127.0.0.1', port: 0 });
    this.ready = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    this.ready.catch(() => {});
  }

  override async bindAndListen(): Promise<void> {
    await super.bindAndListen();
    this.settle.resolve();
  }

  fail(): void {
    this.settle.reject(new Error('the server has ended'));
  }

  async port(): Promise<number> {
    await this.ready;
    return (this.address as { port: number }).port;
  }

  async connect(): Promise<Duplex> {
    const socket = connect({ port: await this.port(), host: '127.0.0.1', allowHalfOpen: true });
    socket.setNoDelay(true);
    await once(socket, 'connect');
    return socket;
  }
}
