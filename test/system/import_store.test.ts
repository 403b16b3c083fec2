import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { readBetBatch } from '../../apps/protocol/bet_batch';
import { openDatabase, type PostgresServer, sharedPostgres } from '../support/postgres_server';
import { App, type ProgramName } from '../support/app';
import { eventually } from '../support/eventually';
import { formatBets, generateBets, storedRow, winnersAmong } from '../support/generated_bets';
import { LotterySandbox } from '../support/lottery_sandbox';
import { rowsByAgency } from '../support/piece_text';
import { createFileHarness } from '../support/store_harness';

type Settings = Readonly<Record<string, string>>;

interface CommandEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe('the import of a data directory into PostgreSQL, by the program', function () {
  this.timeout(90_000);
  let sandbox: LotterySandbox;
  let postgres: PostgresServer;
  let database: string;
  let toDatabase: Settings;

  beforeEach(async function () {
    postgres = await sharedPostgres(this);
    database = await postgres.createDatabase();
    toDatabase = { CONFIG_FILE: '/dev/null', SERVER_DATABASE_URL: postgres.url(database) };
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    await sandbox?.dispose();
  });

  const run = async (program: ProgramName, env: Settings): Promise<CommandEnd> => {
    const app = new App(program, { cwd: sandbox.directory, env });
    const { code } = await app.end(30_000);
    return { code, stdout: app.stdout, stderr: app.stderr };
  };
  const exportOf = async (env: Settings): Promise<Map<number, string[]>> => {
    const { code, stdout, stderr } = await run('exportStore', env);
    expect([code, stderr]).to.deep.equal([0, '']);
    return rowsByAgency(stdout);
  };
  const countRows = async (): Promise<Record<string, unknown>> => {
    const [counts] = await postgres.run(
      `SELECT (SELECT count(*) FROM draws)::int AS draws, (SELECT count(*) FROM agencies)::int AS agencies,
              (SELECT count(*) FROM bets)::int AS bets, (SELECT count(*) FROM winners)::int AS winners`,
      database,
    );
    return counts!;
  };
  const EMPTY = { draws: 0, agencies: 0, bets: 0, winners: 0 };

  it('lets the agencies of a file server finish at a server on PostgreSQL, each with its winners', async () => {
    const terms = { SERVER_AGENCIES: '4' };
    const files = { CONFIG_FILE: '/dev/null', SERVER_DATA_DIR: sandbox.path('store'), ...terms };
    const bets = new Map([1, 2, 3, 4].map((agency) => [agency, generateBets(agency, agency === 4 ? 0 : 3000)]));
    const fileOf = (agency: number): string => `agency-${agency}.csv`;
    // A row that is no bet ends agencies 1 and 2 in the middle. Agency 3 uploads all, and agency 4 comes later.
    for (const agency of [1, 2]) {
      const first = formatBets(bets.get(agency)!.slice(0, 1000 * agency));
      await sandbox.write(fileOf(agency), `${first}no bet\n`);
    }
    await sandbox.write(fileOf(3), formatBets(bets.get(3)!));
    const before = await sandbox.startServer(files);
    const early = [1, 2, 3].map((agency) => sandbox.startClient(before.port, agency));
    expect((await early[0]!.end()).code).to.equal(1);
    expect((await early[1]!.end()).code).to.equal(1);
    await eventually('all bets of agency 3', async () => (await sandbox.storedRows()).length === 6000, 20_000);
    expect((await before.app.stop('SIGTERM')).code).to.equal(0);
    expect((await early[2]!.stop('SIGTERM')).code).to.equal(0);

    const moved = await exportOf(files);
    const imported = await run('importStore', { ...files, ...toDatabase });
    expect(imported.stdout).to.match(
      /^6000 bets of \S+ are in \S+ as draw 1 \(not held, [01] of 4 agencies finished\); the files are unchanged\n$/,
    );
    expect([imported.code, imported.stderr]).to.deep.equal([0, '']);
    const onDatabase = { SERVER_STORE: 'postgres', ...toDatabase, ...terms };
    expect(await exportOf(onDatabase)).to.deep.equal(moved);
    expect(await exportOf(files)).to.deep.equal(moved);

    for (const agency of [1, 2, 4]) await sandbox.write(fileOf(agency), formatBets(bets.get(agency)!));
    const after = await sandbox.startServer(onDatabase);
    const clients = [1, 2, 3, 4].map((agency) => sandbox.startClient(after.port, agency, { CLI_LOG_LEVEL: 'DEBUG' }));
    for (const [index, client] of clients.entries()) {
      expect((await client.end(30_000)).code, client.stdout).to.equal(0);
      const winners = client.grep(/action: ganador /).map((line) => /dni: (\d+)/.exec(line)![1]);
      expect(winners).to.deep.equal(winnersAmong(bets.get(index + 1)!));
    }
    expect((await after.app.stop('SIGTERM')).code).to.equal(0);
    expect(await exportOf(onDatabase)).to.deep.equal(
      new Map([1, 2, 3].map((agency) => [agency, bets.get(agency)!.map((bet) => storedRow(agency, bet))])),
    );
  });

  describe('killed', () => {
    const ROWS = 40_000;
    let files: Settings;
    let rows: Map<number, string[]>;
    let remove: () => Promise<void>;

    before(async () => {
      const harness = await createFileHarness();
      remove = () => harness.remove();
      files = { SERVER_DATA_DIR: harness.directory, SERVER_AGENCIES: '3' };
      const store = await harness.open();
      rows = new Map([1, 2].map((id) => [id, generateBets(id, ROWS / 2).map((bet) => storedRow(id, bet))]));
      for (const [agency, ofAgency] of rows) {
        const claim = await store.bets.claim(agency);
        for (let after = 0; after < ofAgency.length; after += 100) {
          const batch = readBetBatch(Buffer.from(ofAgency.slice(after, after + 100).join('\n')), agency);
          await store.bets.append(claim, batch, after);
        }
        await store.tracker.finish(claim, ofAgency.length);
      }
      await store.close();
    });

    after(async () => {
      await remove();
    });

    it('in the middle leaves an empty database, and a second one succeeds', async () => {
      const blocker = openDatabase(postgres.url(database));
      let release = (): void => {};
      const released = new Promise<void>((resolve) => (release = resolve));
      let blocking: Promise<void> | undefined;
      try {
        // The import has copied the first bets, and waits with their winning bets.
        await new Promise<void>((resolve, reject) => {
          blocking = blocker.transaction(async (transaction) => {
            await transaction.query('LOCK TABLE winners IN SHARE MODE');
            resolve();
            await released;
          });
          blocking.catch(reject);
        });
        const killed = new App('importStore', { cwd: sandbox.directory, env: { ...files, ...toDatabase } });
        const isWaiting = `SELECT 1 FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%INSERT INTO winners%'`;
        await eventually(
          'the wait of the import',
          async () => (await postgres.run(isWaiting, database)).length > 0,
          20_000,
        );
        expect((await killed.stop('SIGKILL')).signal).to.equal('SIGKILL');
      } finally {
        release();
        await blocking;
        await blocker.close();
      }
      expect(await countRows()).to.deep.equal(EMPTY);
      const second = await run('importStore', { ...files, ...toDatabase });
      expect([second.code, second.stderr]).to.deep.equal([0, '']);
      expect(await exportOf({ SERVER_STORE: 'postgres', ...toDatabase })).to.deep.equal(rows);
    });

    it('or stopped at any moment leaves an empty database or all of the store', async () => {
      const startedAt = performance.now();
      expect((await run('importStore', { ...files, ...toDatabase })).code).to.equal(0);
      const wholeMs = performance.now() - startedAt;
      const all = await countRows();
      expect(all).to.include({ draws: 1, agencies: 2, bets: ROWS });
      const clear = (): Promise<unknown> =>
        postgres.run('TRUNCATE draws, draw_evidence, agencies, bets, winners', database);
      await clear();
      const CASES = 16;
      for (let index = 0; index < CASES; index++) {
        const signal = index % 4 === 3 ? 'SIGTERM' : 'SIGKILL';
        const app = new App('importStore', { cwd: sandbox.directory, env: { ...files, ...toDatabase } });
        // The first part of the time is the start of Node.
        await delay(wholeMs * (0.3 + (0.7 * index) / CASES));
        const { code } = await app.stop(signal);
        const found = await countRows();
        expect(found).to.deep.equal(found['draws'] === 0 ? EMPTY : all);
        if (code === 0) expect(found).to.deep.equal(all);
        if (code === 1) {
          expect(app.stderr).to.match(/^lottery-import-store: stopped before the end[^\n]*\n$/);
          expect(found).to.deep.equal(EMPTY);
        }
        await clear();
      }
    });
  });
});
