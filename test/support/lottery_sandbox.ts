import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions } from 'node:tls';
import { App } from './app';
import { type BetFields, formatBets, generateBets } from './generated_bets';
import { HoldingProxy } from './holding_proxy';
import { WireClient } from './wire_client';

/** A listening server and its port. */
export interface RunningServer {
  readonly app: App;
  readonly port: number;
}

/** A temporary directory for a test, with the agencies' files, the store and the running programs. */
export class LotterySandbox {
  private readonly connections: WireClient[] = [];
  private readonly proxies: HoldingProxy[] = [];

  private constructor(readonly directory: string) {}

  static async create(): Promise<LotterySandbox> {
    return new LotterySandbox(await mkdtemp(join(tmpdir(), 'lottery-')));
  }

  /** Ends every program, connection and file of the test. */
  async dispose(): Promise<void> {
    for (const connection of this.connections) connection.destroy();
    for (const proxy of this.proxies) proxy.close();
    await App.endAll();
    await rm(this.directory, { recursive: true, force: true });
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  async write(name: string, content: string | Uint8Array): Promise<string> {
    await writeFile(this.path(name), content);
    return this.path(name);
  }

  /** Writes the files of agencies 1 to `count`, with so many rows each, and returns their bets by agency. */
  async writeBets(count: number, rows: number): Promise<Map<number, BetFields[]>> {
    const files = new Map<number, BetFields[]>();
    for (let agency = 1; agency <= count; agency++) {
      const bets = generateBets(agency, rows);
      files.set(agency, bets);
      await this.write(`agency-${agency}.csv`, formatBets(bets));
    }
    return files;
  }

  /** Starts a server on a free port of the loopback and waits until it listens. */
  async startServer(env: Record<string, string> = {}): Promise<RunningServer> {
    const app = this.launchServer(env);
    const line = await app.line(/action: listen \| result: success/);
    return { app, port: Number(/:(\d+) \|/.exec(line)![1]) };
  }

  /** Starts a server without a wait, for a server that may not listen. */
  launchServer(env: Record<string, string> = {}): App {
    return new App('server', {
      cwd: this.directory,
      env: { SERVER_IP: '127.0.0.1', SERVER_PORT: '0', SERVER_DATA_DIR: this.path('store'), ...env },
    });
  }

  /** Starts an agency with the file `agency-ID.csv` of this directory. */
  startClient(port: number, id: number, env: Record<string, string> = {}): App {
    return new App('client', {
      cwd: this.directory,
      env: {
        CLI_ID: String(id),
        CLI_SERVER_ADDRESS: `127.0.0.1:${port}`,
        CLI_DATA_FILE: this.path('agency-{id}.csv'),
        ...env,
      },
    });
  }

  /** Opens a connection for raw bytes. */
  async connect(port: number): Promise<WireClient> {
    const connection = await WireClient.connect(port);
    this.connections.push(connection);
    return connection;
  }

  /** Opens a TLS connection for raw bytes. */
  async connectTls(port: number, tls: ConnectionOptions): Promise<WireClient> {
    const connection = await WireClient.connectTls(port, tls);
    this.connections.push(connection);
    return connection;
  }

  /** Starts a proxy for the server at `port`. */
  async startProxy(port: number): Promise<HoldingProxy> {
    const proxy = await HoldingProxy.to(port);
    this.proxies.push(proxy);
    return proxy;
  }

  /** The sorted rows of bets.csv. */
  async storedRows(): Promise<string[]> {
    const path = this.path('store/bets.csv');
    if (!existsSync(path)) return [];
    const text = await readFile(path, 'utf8');
    if (text !== '' && !text.endsWith('\n')) throw new Error('bets.csv ends in the middle of a row');
    return text.split('\n').slice(0, -1).sort();
  }
}
