import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Container } from 'inversify';
import { createServerContainer } from '../../apps/server/container';
import { type BetRepository } from '../../apps/server/domain/bet_repository';
import { type DrawEvidence } from '../../apps/server/domain/draw_evidence';
import { type DrawRecord } from '../../apps/server/domain/draw_record';
import { type FinishTracker } from '../../apps/server/domain/finish_tracker';
import { type AgencyProgress, type LotteryOverview } from '../../apps/server/domain/lottery_overview';
import { NEVER_STOPPED } from '../../apps/server/domain/stop';
import { type Store } from '../../apps/server/domain/store';
import { type WinnerService } from '../../apps/server/domain/winner_service';
import { type ServerActivity } from '../../apps/server/stats/server_activity';
import { SERVER_SETTINGS } from '../../apps/server/settings';
import { type FileStore } from '../../apps/server/storage/files/file_store';
import { readStoredRows as readFileRows } from '../../apps/server/storage/files/bets/stored_rows';
import { findDraw, readStoredRows as readDatabaseRows } from '../../apps/server/storage/postgres/stored_rows';
import { TOKENS } from '../../apps/server/tokens';
import { formatCsvRow } from '../../apps/protocol/csv_row';
import { loadSettings } from '../../apps/runtime/settings';
import { createMemoryLog } from './memory_lottery';
import { openDatabase, type PostgresServer, sharedPostgres } from './postgres_server';

type Settings = Readonly<Record<string, string>>;

/** The services of one server over a store, as its container composes them. */
export interface OpenStore {
  readonly store: Store;
  readonly bets: BetRepository;
  readonly tracker: FinishTracker;
  readonly winners: WinnerService;
  readonly drawRecord: DrawRecord;
  readonly evidence: DrawEvidence;
  readonly overview: LotteryOverview;
  readonly activity: ServerActivity;
  readonly lines: readonly string[];
  close(): Promise<void>;
}

/** A store of a test: it is empty at first. */
export interface StoreHarness {
  /** Composes and opens a server's services with further settings. */
  open(settings?: Settings): Promise<OpenStore>;
  /** All stored rows in the form of bets.csv: each agency's in the order of their storage, by agency. */
  rows(): Promise<readonly string[]>;
  /** The pieces of an export of the store. */
  exportRows(): AsyncIterable<Buffer>;
  remove(): Promise<void>;
}

function compose(environment: Settings): { readonly container: Container; readonly lines: readonly string[] } {
  const settings = loadSettings(SERVER_SETTINGS, { defaultFile: 'none.ini', environment });
  const { log, lines } = createMemoryLog();
  return { container: createServerContainer(settings, log), lines };
}

/** Composes and opens the services of a server with these settings. */
export async function openStore(environment: Settings): Promise<OpenStore> {
  const { container, lines } = compose(environment);
  const store = container.get<Store>(TOKENS.Store);
  store.onBroken(() => {});
  await store.open(NEVER_STOPPED);
  const winners = container.get<WinnerService>(TOKENS.WinnerService);
  winners.start(new AbortController().signal);
  return {
    store,
    bets: container.get(TOKENS.BetRepository),
    tracker: container.get(TOKENS.FinishTracker),
    winners,
    drawRecord: container.get(TOKENS.DrawRecord),
    evidence: container.get(TOKENS.DrawEvidence),
    overview: container.get(TOKENS.LotteryOverview),
    activity: container.get(TOKENS.ServerActivity),
    lines,
    async close() {
      await winners.close();
      await store.close();
    },
  };
}

/** The agencies of the whole lottery, by their ids. */
export async function readAgencies(overview: LotteryOverview): Promise<readonly AgencyProgress[]> {
  const { agencies } = await overview.read();
  return Array.from(agencies).sort((one, other) => one.agency - other.agency);
}

const TERMS = { SERVER_AGENCIES: '3', SERVER_WINNING_NUMBER: '42' };

/** A store in files, with its directory. */
export interface FileHarness extends StoreHarness {
  readonly directory: string;
  /** The store of a server that is composed and not open. */
  compose(settings?: Settings): FileStore;
}

/** A store in the files of a temporary directory. */
export async function createFileHarness(): Promise<FileHarness> {
  const directory = await mkdtemp(join(tmpdir(), 'store-'));
  return {
    directory,
    compose: (settings) =>
      compose({ ...TERMS, SERVER_DATA_DIR: directory, ...settings }).container.get<FileStore>(TOKENS.Store),
    open: (settings) => openStore({ ...TERMS, SERVER_DATA_DIR: directory, ...settings }),
    exportRows: () => readFileRows(directory, NEVER_STOPPED),
    async rows() {
      const text = await readFile(join(directory, 'bets.csv'), 'utf8');
      const rows = text.split('\n').slice(0, -1);
      return rows.sort((one, other) => Number.parseInt(one, 10) - Number.parseInt(other, 10));
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

export interface PostgresHarness extends StoreHarness {
  readonly url: string;
  /** Runs statements as the owner of the database, and returns the rows of the last one. */
  run(text: string): Promise<readonly Record<string, unknown>[]>;
}

/** A store in a database of its own; the test is skipped on a machine without PostgreSQL. */
export async function createPostgresHarness(context: Mocha.Context): Promise<PostgresHarness> {
  const server: PostgresServer = await sharedPostgres(context);
  const database = await server.createDatabase();
  const url = server.url(database);
  let servers = 0;
  return {
    url,
    run: (text) => server.run(text, database),
    open: (settings) =>
      openStore({
        ...TERMS,
        SERVER_STORE: 'postgres',
        SERVER_DATABASE_URL: url,
        SERVER_NAME: `server${++servers}`,
        ...settings,
      }),
    async rows() {
      const rows = await server.run(
        'SELECT agency, first_name, last_name, document, birthdate, number FROM bets ORDER BY draw, agency, seq',
        database,
      );
      return rows.map((row) => formatCsvRow(Object.values(row).map(String)));
    },
    async *exportRows() {
      const exported = openDatabase(url);
      try {
        yield* readDatabaseRows(exported, await findDraw(exported, undefined), NEVER_STOPPED);
      } finally {
        await exported.close();
      }
    },
    async remove() {},
  };
}
