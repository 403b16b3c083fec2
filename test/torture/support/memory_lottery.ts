import { once } from 'node:events';
import { connect } from 'node:net';
import { type Duplex } from 'node:stream';
import { type ConnectionHandler, ListenSocket, type ListenSocketOptions, type ServeOptions } from '../../../lib/index';
import { ActionLog, type LogLevel } from '../../../apps/runtime/action_log';
import { type ExitCode } from '../../../apps/runtime/exit_code';
import { loadSettings } from '../../../apps/runtime/settings';
import { createServerContainer } from '../../../apps/server/container';
import { type LotteryServer } from '../../../apps/server/lottery_server';
import { SERVER_SETTINGS } from '../../../apps/server/settings';
import { type StoreDirectory } from '../../../apps/server/storage/files/disk/file_system';
import { TOKENS } from '../../../apps/server/tokens';
import { MemoryServer } from '../../support/memory_server';

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

  /** The agency's end of a new connection. Waits until the server serves. */
  async dial(): Promise<Duplex> {
    return this.listener.connect();
  }

  /** The port of a server over TCP. Waits until it serves. */
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

/** A listener whose service can be waited for. */
class AwaitedListener extends ListenSocket {
  protected readonly ready: Promise<void>;
  private settle!: { resolve: () => void; reject: (error: Error) => void };

  constructor(options: ListenSocketOptions) {
    super(options);
    this.ready = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    this.ready.catch(() => {});
  }

  /** A server listens while it opens its store, and serves after that. */
  override serve(handler: ConnectionHandler, options?: ServeOptions): Promise<void> {
    this.settle.resolve();
    return super.serve(handler, options);
  }

  /** Rejects the waits for a serving server, after the end of the server. */
  fail(): void {
    this.settle.reject(new Error('the server has ended'));
  }
}

/** A listener in memory. */
class MemoryListener extends AwaitedListener {
  private readonly memory: MemoryServer;

  constructor(capacityBytes: number | undefined) {
    const memory = new MemoryServer(capacityBytes);
    super({ port: 0, createServer: () => memory.asServer });
    this.memory = memory;
  }

  async connect(): Promise<Duplex> {
    await this.ready;
    return this.memory.connect();
  }
}

/** A listener on a free port of the loopback interface. */
class TcpListener extends AwaitedListener {
  constructor() {
    super({ host: '127.0.0.1', port: 0 });
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
