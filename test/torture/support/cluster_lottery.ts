import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BetFields, formatBets, generateBets, winnersAmong } from '../../support/generated_bets';
import { AgencyProcess } from './agency_process';
import { requireDrawHeldOnce, storedBets } from './database_oracle';
import { type LoopbackNetwork } from './loopback_network';
import { requireAcknowledged, requireComplete } from './oracle';
import { BrokenPromiseError } from './recording_agency';
import { databaseUrl, type ReplicatedDatabase, SERVER_ROLE } from './replicated_database';
import { ServerProcess } from './server_process';

/** The number of servers; the first one is number 0. */
export const SERVERS = 3;
const AGENCIES = 5;
const SERVER_PORT = 12345;
/** Hosts below are database nodes. */
const FIRST_SERVER_HOST = 101;

export interface LotterySize {
  /** Bets of each agency. */
  readonly bets: number;
  readonly betsPerBatch: number;
  /** Batches in flight of each agency. */
  readonly window: number;
}

export interface ClusterLotteryOptions extends LotterySize {
  readonly nodes: ReplicatedDatabase;
  /** The name of its database, which is migrated and empty. */
  readonly database: string;
  readonly network: LoopbackNetwork;
  /** For the agencies' files. Servers and agencies run in it, so a guard of its directory ends them too. */
  readonly directory: string;
}

/** Three servers on one database, and five agencies with a list of all servers. */
export class ClusterLottery {
  readonly agencies: AgencyProcess[] = [];
  private readonly servers: (ServerProcess | undefined)[] = [];

  constructor(private readonly options: ClusterLotteryOptions) {}

  /** Starts the servers, then the agencies. */
  async begin(): Promise<void> {
    const { directory, bets, betsPerBatch, window } = this.options;
    await mkdir(directory, { recursive: true });
    const numbers = Array.from({ length: SERVERS }, (_, index) => index);
    await Promise.all(numbers.map(async (number) => this.startServer(number)));
    for (let id = 1; id <= AGENCIES; id++) {
      const betsOfAgency = generateBets(id, bets, 100);
      const file = await this.writeBets(id, betsOfAgency);
      this.agencies.push(
        new AgencyProcess({ id, bets: betsOfAgency, file, servers: this.addresses(), betsPerBatch, window }),
      );
    }
  }

  /** Starts a server and waits until it listens. */
  async startServer(number: number): Promise<void> {
    const { nodes, database, network, directory } = this.options;
    const environment = {
      SERVER_IP: network.host(FIRST_SERVER_HOST + number),
      SERVER_PORT: String(SERVER_PORT),
      SERVER_NAME: `server${number + 1}`,
      SERVER_AGENCIES: String(AGENCIES),
      SERVER_STORE: 'postgres',
      SERVER_DATABASE_URL: databaseUrl(nodes, database, SERVER_ROLE),
    };
    const server = new ServerProcess(environment, { cwd: directory });
    this.servers[number] = server;
    await server.listening;
  }

  async killServer(number: number): Promise<void> {
    await this.servers[number]!.stop('SIGKILL');
  }

  /** All agencies have ended. */
  get isOver(): boolean {
    return this.agencies.every(({ hasEnded }) => hasEnded);
  }

  /** The agencies that have not finished. */
  get uploading(): readonly AgencyProcess[] {
    return this.agencies.filter(({ hasFinished, hasEnded }) => !hasFinished && !hasEnded);
  }

  /**
   * Begins to measure the time without acknowledgements. The returned function waits for the next one of each agency and
   * resolves with the longest pause of each, in milliseconds; agencies without a further one are left out.
   */
  measurePauses(): () => Promise<readonly number[]> {
    const agencies = this.uploading;
    for (const agency of agencies) agency.startPause();
    return async () => {
      const pauses = await Promise.all(agencies.map(async (agency) => agency.endPause()));
      return pauses.filter((pause) => pause !== undefined);
    };
  }

  /** Resolves after so many further acknowledged bets of all agencies together, or when no agency uploads any more. */
  async advance(bets: number): Promise<void> {
    const target = this.acknowledged + bets;
    while (this.acknowledged < target && this.uploading.length > 0) {
      await Promise.race(this.uploading.map(async (agency) => agency.change()));
    }
  }

  /** Resolves when each agency that uploads has had a further acknowledgement. */
  async progress(): Promise<void> {
    await Promise.all(this.uploading.map(async (agency) => agency.endPause()));
  }

  /** Resolves when each agency that uploads has been refused once more. */
  async refusals(): Promise<void> {
    await Promise.all(this.uploading.map(async (agency) => agency.refusal()));
  }

  /** The number of bets of each agency in the database. */
  async storedCounts(): Promise<ReadonlyMap<number, number>> {
    const { nodes, database } = this.options;
    const rows = await (
      await nodes.primary()
    ).query<{ agency: number; stored: string }>('SELECT agency, stored FROM agencies', [], database);
    return new Map(rows.map(({ agency, stored }) => [agency, Number(stored)]));
  }

  /** No agency has more acknowledged bets than that. */
  requireAtMost(counts: ReadonlyMap<number, number>): void {
    for (const { id, acknowledged } of this.agencies) {
      const most = counts.get(id) ?? 0;
      if (acknowledged > most) {
        throw new BrokenPromiseError(`agency ${id}: ${acknowledged} acknowledged bets, and ${most} confirmed ones`);
      }
    }
  }

  /** Each acknowledged bet is in the database. */
  async requireAcknowledged(): Promise<void> {
    this.requireNoFailure();
    // The records first: the database may have more than they have, and never less.
    const records = this.agencies.map(({ id, bets, rows, acknowledged }) => ({
      id,
      bets,
      rows,
      acknowledged,
      couldBeStored: () => true,
    }));
    const { nodes, database } = this.options;
    requireAcknowledged(await storedBets(await nodes.primary(), database), records);
  }

  /** Waits for the end of all agencies, stops the servers, and compares the database with the whole input. */
  async complete(): Promise<void> {
    // An agency that fails is reported at once: the others would wait for the draw without an end.
    await Promise.all(this.agencies.map(async (agency) => this.requireSuccess(agency)));
    this.requireNoFailure();
    await Promise.all(
      this.servers.map(async (server) => {
        const { code } = await server!.stop('SIGTERM');
        if (code !== 0) throw new BrokenPromiseError(`a server ended with ${code}:\n${server!.output}`);
      }),
    );
    const { nodes, database } = this.options;
    const primary = await nodes.primary();
    requireComplete(await storedBets(primary, database), this.agencies);
    await requireDrawHeldOnce(primary, database, this.agencies);
    this.requireOwnWinners();
  }

  /** Waits for the end of an agency, which must be one with exit code 0. */
  private async requireSuccess({ id, ended, lines }: AgencyProcess): Promise<void> {
    const { code } = await ended;
    if (code === 0) return;
    const servers = this.servers.map((server) => server!.output.slice(-5_000));
    const logs = [lines.join('\n'), ...servers, this.options.nodes.lastLines()];
    throw new BrokenPromiseError(`agency ${id} ended with ${code}:\n${logs.join('\n\n')}`);
  }

  private get acknowledged(): number {
    return this.agencies.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  private requireNoFailure(): void {
    for (const { failure } of this.agencies) if (failure !== undefined) throw failure;
  }

  /** Each agency has received the winners of its own file, in its order. */
  private requireOwnWinners(): void {
    for (const { id, bets, winners } of this.agencies) {
      const expected = winnersAmong(bets).join();
      if (winners.join() !== expected) {
        throw new BrokenPromiseError(`agency ${id}: the winners are ${winners.join()}, not ${expected}`);
      }
    }
  }

  private async writeBets(agency: number, bets: readonly BetFields[]): Promise<string> {
    const file = join(this.options.directory, `${this.options.database}-agency-${agency}.csv`);
    await writeFile(file, formatBets([...bets]));
    return file;
  }

  private addresses(): string {
    const hosts = Array.from({ length: SERVERS }, (_, index) => this.options.network.host(FIRST_SERVER_HOST + index));
    return hosts.map((host) => `${host}:${SERVER_PORT}`).join();
  }
}
