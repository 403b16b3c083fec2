import { expect } from 'chai';
import { type Container } from 'inversify';
import { type Agency } from '../../apps/client/agencies/agency';
import { type BetSource, type OutgoingBatch } from '../../apps/client/bets/bet_source';
import { SourceChangedError, SourceMismatchError } from '../../apps/client/bets/errors';
import { type LookUp } from '../../apps/client/connection/name_resolver';
import { type SocketFactory } from '../../apps/client/connection/reconnector';
import { createClientContainer } from '../../apps/client/container';
import { CLIENT_SETTINGS } from '../../apps/client/settings';
import { TOKENS } from '../../apps/client/tokens';
import { type BetsDigest } from '../../apps/protocol/bets_digest';
import { loadSettings } from '../../apps/runtime/settings';
import { createMemoryLog } from './memory_lottery';
import { type ScriptedConnection, ScriptedServer } from './scripted_server';

export interface UploadOptions {
  readonly window?: number;
  readonly retryLimitMs?: number;
  /** Other settings. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** The client as production composes it, except for its connections, to a scripted server in memory by default. */
export class MemoryClient {
  readonly server = new ScriptedServer();
  readonly stop = new AbortController();
  /** The addresses of host names; no test asks the system. */
  lookUp: LookUp = async (host) => {
    throw new Error(`the test has no name ${host}`);
  };
  private readonly memory = createMemoryLog();

  constructor(private readonly createSocket?: SocketFactory) {}

  /** Runs the agency of these settings; resolves with its exit code. `replace` rebinds other parts. */
  run(environment: Record<string, string>, replace: (container: Container) => void = () => {}): Promise<number> {
    const settings = loadSettings(CLIENT_SETTINGS, {
      defaultFile: 'none.ini',
      environment: { CLI_SERVER_ADDRESS: '10.0.0.1:12345', ...environment },
    });
    const container = createClientContainer(settings, this.memory.log);
    container.rebind(TOKENS.SocketFactory).toConstantValue(this.createSocket ?? this.server.createSocket);
    container.rebind<LookUp>(TOKENS.LookUp).toConstantValue((host) => this.lookUp(host));
    replace(container);
    return container.get<Agency>(TOKENS.Agency).run(this.stop.signal);
  }

  /** Runs an agency that uploads the bets of `source`. */
  upload(
    source: BetSource,
    { window = 4, retryLimitMs = 60_000, environment = {} }: UploadOptions = {},
  ): Promise<number> {
    const limits = { CLI_WINDOW: String(window), CLI_RETRY_LIMIT_MS: String(retryLimitMs) };
    return this.run({ ...limits, ...environment }, (container) =>
      container.rebind(TOKENS.BetSource).toConstantValue(source),
    );
  }

  /** The lines of the log that match. */
  logged(pattern: RegExp): string[] {
    return this.memory.lines.filter((line) => pattern.test(line));
  }
}

/** Bets 1 to `total`, two in a batch, as text. After them it throws `failure`, if there is one. */
export class FakeSource implements BetSource {
  readonly skips: number[] = [];
  /** The numbers of bets that were compared with those of the server. */
  readonly compared: number[] = [];
  isChanged = false;

  constructor(
    private readonly total: number,
    private readonly failure?: Error,
  ) {}

  async requireUsable(): Promise<void> {}

  /** The bets are those of `STORED_DIGEST`. */
  async requireStored({ count, digest }: BetsDigest): Promise<void> {
    this.compared.push(count);
    if (digest !== STORED_DIGEST) throw new SourceMismatchError('bets.csv has other rows');
  }

  async requireUnchanged(): Promise<void> {
    if (this.isChanged) throw new SourceChangedError('bets.csv has changed');
  }

  async *batches(skip: number): AsyncGenerator<OutgoingBatch> {
    this.skips.push(skip);
    for (let bet = skip; bet < this.total; bet += 2) {
      const count = Math.min(2, this.total - bet);
      const value = Array.from({ length: count }, (_, index) => bet + index + 1).join(' ');
      yield { value: Buffer.from(value), count };
    }
    if (this.failure !== undefined) throw this.failure;
  }
}

/** The digest of the bets of a `FakeSource`. */
export const STORED_DIGEST = '5f'.repeat(32);

/** The server's side of a resumed session: the name and the digest of `stored` bets. */
export async function resume(connection: ScriptedConnection, stored: number, agency = 1): Promise<void> {
  expect(await connection.next()).to.equal(`N ${agency}`);
  connection.respond('O', String(stored));
  expect(await connection.next()).to.equal('D');
  connection.respond('D', `${stored}:${STORED_DIGEST}`);
}

/** The server's side of a session from the finish to the winners. */
export async function giveWinners(
  connection: ScriptedConnection,
  total: number,
  winners: readonly string[],
  agency = 1,
): Promise<void> {
  expect(await connection.next()).to.equal(`F ${total}`);
  connection.respond('O', String(total));
  expect(await connection.next()).to.equal('A');
  connection.respond('W', '1/2');
  expect(await connection.next()).to.equal('A');
  connection.respond('R');
  expect(await connection.next()).to.equal(`N ${agency}`);
  for (const value of winners) connection.respond('R', value);
  connection.respond('O', String(winners.join().split(',').filter(Boolean).length));
  expect(await connection.next()).to.equal('end');
  await connection.close();
}
