import { expect } from 'chai';
import { type Database } from '../../apps/server/storage/postgres/database/database';
import { type Transaction } from '../../apps/server/storage/postgres/database/transaction';
import { openDatabase, ownPostgres, type PostgresServer } from '../support/postgres_server';
import { eventually } from '../support/eventually';
import { failureOf, PASSWORD } from './support/failures';

const UNAVAILABLE = 'DATABASE_UNAVAILABLE';
const UNKNOWN = 'STORE_OUTCOME_UNKNOWN';
const INSERT = "INSERT INTO items VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET name = 'again'";
const TIMEOUT_MS = 1_000;

describe('a lost connection to the database', function () {
  this.timeout(60_000);
  let server: PostgresServer;
  let name: string;
  let database: Database;

  before(async function () {
    server = await ownPostgres(this, {});
    name = await server.createEmptyDatabase();
    await server.run('CREATE TABLE items (id int PRIMARY KEY, name text)', name);
  });

  after(async () => {
    await server?.stop();
  });

  beforeEach(() => {
    database = openDatabase(server.url(name, `lottery:${PASSWORD}`), { connections: 2, timeoutMs: TIMEOUT_MS });
  });

  afterEach(async () => {
    await database.close();
    await clear();
  });

  /** Empties the table. A commit that still waits for the standby has a lock on it. */
  async function clear(): Promise<void> {
    await server.run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    await server.run('TRUNCATE items', name);
  }

  const stored = () => server.run('SELECT id, name FROM items', name);
  const processOf = async (tx: Transaction) =>
    (await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid'))[0]!.pid;
  const terminate = (pid: number) => server.run(`SELECT pg_terminate_backend(${pid}, 5000)`);

  /** Waits until a process waits for an event of this kind. */
  const waitsFor = (kind: string, pid: number) =>
    eventually(
      `process ${pid} waits for ${kind}`,
      async () => {
        const condition = `pid = ${pid} AND ${kind === 'Lock' ? 'wait_event_type' : 'wait_event'} = '${kind}'`;
        return (await server.run(`SELECT 1 FROM pg_stat_activity WHERE ${condition}`)).length > 0;
      },
      10_000,
    );

  /** Stores a row: the database works. */
  async function goesOn(): Promise<void> {
    await database.transaction((tx) => tx.query("INSERT INTO items VALUES (2, 'b')"));
    expect(await server.run('SELECT name FROM items WHERE id = 2', name)).to.deep.equal([{ name: 'b' }]);
  }

  describe('before the COMMIT', () => {
    it('of a terminated process stores nothing, and the next transaction has a new connection', async () => {
      const request = database.transaction(async (tx) => {
        await tx.query(INSERT);
        await terminate(await processOf(tx));
      });
      const error = await failureOf(request, UNAVAILABLE);
      expect(error.message).to.match(
        /^the connection to the database at .* is lost: terminating connection .*\(57P01\)$/,
      );
      expect(await stored()).to.deep.equal([]);
      await goesOn();
      expect(database.counters).to.include({ opened: 2, lost: 1, unknownOutcomes: 0 });
    });

    for (const [what, use] of [
      ['a statement', (tx: Transaction) => tx.query(INSERT)],
      ['a COPY', (tx: Transaction) => tx.copyFrom('COPY items FROM STDIN (FORMAT csv)', [Buffer.from('1,a\n')])],
    ] as const) {
      it(`in ${what} stores nothing`, async () => {
        const holder = openDatabase(server.url(name), { connections: 1 });
        await holder.transaction(async (held) => {
          await held.query('LOCK TABLE items');
          const request = database.transaction(async (tx) => {
            const pid = await processOf(tx);
            await Promise.all([use(tx), waitsFor('Lock', pid).then(() => terminate(pid))]);
          });
          await failureOf(request, UNAVAILABLE);
        });
        await holder.close();
        expect(await stored()).to.deep.equal([]);
        await goesOn();
      });
    }

    it('of a stopped process ends after the time limit', async () => {
      let pid: number | undefined;
      const request = database.transaction(async (tx) => {
        await tx.query(INSERT);
        pid = await processOf(tx);
        process.kill(pid, 'SIGSTOP');
        await tx.query('SELECT 1');
      });
      const begun = performance.now();
      const error = await failureOf(request, UNAVAILABLE);
      expect(error.message).to.match(/is lost: no answer within 1000 ms$/);
      expect(performance.now() - begun).to.be.at.least(TIMEOUT_MS - 1);
      await goesOn();
      process.kill(pid!, 'SIGCONT');
      expect(await stored()).to.deep.equal([{ id: 2, name: 'b' }]);
    });

    it('of a killed server stores nothing, and a later request succeeds after its restart', async () => {
      const request = database.transaction(async (tx) => {
        await tx.query(INSERT);
        await server.kill('SIGKILL');
        await tx.query('SELECT 1');
      });
      await failureOf(request, UNAVAILABLE);
      const waiting = goesOn();
      await server.launch();
      await waiting;
      expect(await stored()).to.deep.equal([{ id: 2, name: 'b' }]);
    });

    it('of a server that is shut down stores nothing', async () => {
      const request = database.transaction(async (tx) => {
        await tx.query(INSERT);
        await server.kill('SIGINT');
        await tx.query('SELECT 1').catch(() => {});
      });
      await failureOf(request, UNAVAILABLE);
      await server.launch();
      expect(await stored()).to.deep.equal([]);
    });

    it('while idle is no error of the next request', async () => {
      await terminate(await database.transaction(processOf));
      await eventually('the loss is noticed', async () => database.openConnections === 0, 5_000);
      await goesOn();
      expect(database.counters).to.include({ opened: 2, lost: 1, unknownOutcomes: 0 });
    });
  });

  describe('during the COMMIT', () => {
    // A standby that does not exist: each COMMIT waits for it.
    before(async () => {
      await server.kill('SIGINT');
      await server.launch({ synchronous_standby_names: 'nobody' });
      await eventually('the server waits for the standby', isWaitingForStandby, 10_000);
    });

    after(async () => {
      await server.kill('SIGQUIT');
      await server.launch();
    });

    /** Whether commits wait for the standby: a server applies its parameters only after its start. */
    async function isWaitingForStandby(): Promise<boolean> {
      const probe = openDatabase(server.url(name), { connections: 1, timeoutMs: 300 });
      try {
        await probe.write("INSERT INTO items VALUES (0, 'probe') ON CONFLICT DO NOTHING");
        return false;
      } catch {
        return true;
      } finally {
        await probe.close();
        await clear();
      }
    }

    /** The ways to store a row. `onProcess` receives the process of the connection. */
    const commits: [what: string, commit: (onProcess: (pid: number) => void) => Promise<unknown>][] = [
      [
        'a transaction',
        (onProcess) =>
          database.transaction(async (tx) => {
            await tx.query(INSERT);
            onProcess(await processOf(tx));
          }),
      ],
      [
        'a single statement',
        async (onProcess) => {
          onProcess(await database.transaction(processOf));
          return database.write(INSERT);
        },
      ],
    ];

    for (const [what, commit] of commits) {
      /** Calls `act` with the process of the commit while it waits for the standby. */
      const commitAnd = (act: (pid: number) => Promise<unknown>): Promise<unknown> => {
        let acting: Promise<unknown> | undefined;
        const committing = commit((pid) => {
          acting = waitsFor('SyncRep', pid).then(() => act(pid));
        });
        return committing.finally(() => acting);
      };

      it(`of ${what} a cancelled wait is no acknowledgement, despite the response to COMMIT`, async () => {
        const error = await failureOf(
          commitAnd((pid) => server.run(`SELECT pg_cancel_backend(${pid})`)),
          UNKNOWN,
        );
        expect(error.message).to.match(
          /^it is unknown whether the database at .* has stored it: canceling wait for synchronous replication.*\(01000\)$/,
        );
        expect(await stored()).to.deep.equal([{ id: 1, name: 'a' }]);
        expect(database.counters).to.include({ lost: 1, unknownOutcomes: 1 });
        expect(database.openConnections).to.equal(0);
      });

      it(`of ${what} a terminated process leaves the outcome unknown`, async () => {
        await failureOf(commitAnd(terminate), UNKNOWN);
        expect(await stored()).to.deep.equal([{ id: 1, name: 'a' }]);
      });

      it(`of ${what} the time limit leaves the outcome unknown`, async () => {
        const begun = performance.now();
        const error = await failureOf(
          commitAnd(async () => {}),
          UNKNOWN,
        );
        expect(error.message).to.match(/: no answer within 1000 ms$/);
        expect(performance.now() - begun).to.be.at.least(TIMEOUT_MS - 1);
      });

      it(`of ${what} a killed process leaves the outcome unknown`, async () => {
        await failureOf(
          commitAnd(async (pid) => process.kill(pid, 'SIGKILL')),
          UNKNOWN,
        );
        await eventually('the server has recovered', () => server.run('SELECT 1').then(Boolean, () => false), 10_000);
      });

      for (const signal of ['SIGKILL', 'SIGINT', 'SIGQUIT'] as const) {
        it(`of ${what} ${signal} to the server leaves the outcome unknown`, async () => {
          await failureOf(
            commitAnd(() => server.kill(signal)),
            UNKNOWN,
          );
          await server.launch({ synchronous_standby_names: 'nobody' });
          const rows = await stored();
          expect(rows).to.deep.equal([{ id: 1, name: 'a' }]);
        });
      }
    }

    it('of a transaction a stopped process leaves the outcome unknown', async () => {
      let stopped: number | undefined;
      const request = database.transaction(async (tx) => {
        await tx.query(INSERT);
        stopped = await processOf(tx);
        process.kill(stopped, 'SIGSTOP');
      });
      await failureOf(request, UNKNOWN);
      process.kill(stopped!, 'SIGCONT');
    });

    it('of a transaction with a refused statement is certainly a rollback', async () => {
      const request = database.transaction(async (tx) => {
        await tx.query(INSERT);
        await tx.query('SELECT 1 / 0').catch(() => {});
      });
      await failureOf(request, 'DATABASE_STATEMENT_FAILED');
      expect(await stored()).to.deep.equal([]);
      expect(database.counters).to.include({ opened: 1, lost: 0 });
    });

    it('of a transaction that has written nothing waits for no standby', async () => {
      expect(await database.transaction((tx) => tx.query('SELECT 1 AS one'))).to.deep.equal([{ one: 1 }]);
    });
  });
});
