import { expect } from 'chai';
import { type Database } from '../../apps/server/storage/postgres/database/database';
import { type StatementError } from '../../apps/server/storage/postgres/database/database_errors';
import { openDatabase, sharedPostgres } from '../support/postgres_server';
import { expectCode, rejection } from '../support/rejection';

describe('the database', () => {
  let database: Database;
  let other: Database;
  let url: string;

  beforeEach(async function () {
    const server = await sharedPostgres(this);
    url = server.url(await server.createEmptyDatabase());
    database = openDatabase(url, { connections: 2 });
    other = openDatabase(url, { connections: 1 });
    await database.write('CREATE TABLE items (id int PRIMARY KEY, amount bigint NOT NULL, name text)');
  });

  afterEach(async () => {
    await database?.close();
    await other?.close();
  });

  const stored = () => other.query('SELECT id, amount, name FROM items ORDER BY id');

  it('returns rows, with a bigint as a number', async () => {
    const parameters = [[3, 1], ['b', null], 2 ** 53 - 1, true] as const;
    const text = `SELECT $1::int[] AS ids, $2::text[] AS names, $3::bigint AS amount, $4::bool AS flag,
      count(*) AS rows, sum(x) AS sum, NULL::bigint AS nothing FROM generate_series(1, 3) AS x`;
    expect(await database.query(text, parameters)).to.deep.equal([
      { ids: [3, 1], names: ['b', null], amount: 2 ** 53 - 1, flag: true, rows: 3, sum: 6, nothing: null },
    ]);
  });

  it('stores a single statement, and returns its rows', async () => {
    const rows = await database.write('INSERT INTO items VALUES ($1, $2, $3), (2, 20, NULL) RETURNING id', [
      1,
      10,
      'one',
    ]);
    expect(rows).to.deep.equal([{ id: 1 }, { id: 2 }]);
    expect(await stored()).to.deep.equal([
      { id: 1, amount: 10, name: 'one' },
      { id: 2, amount: 20, name: null },
    ]);
  });

  it('stores a transaction as a whole, and returns its result', async () => {
    const result = await database.transaction(async (tx) => {
      await tx.query('INSERT INTO items VALUES (1, 10, NULL)');
      const rows = [1, 2].map((block) => Buffer.from(`${block * 2},5,"Ñandú, A"\n${block * 2 + 1},6,x\n`));
      expect(await tx.copyFrom('COPY items (id, amount, name) FROM STDIN (FORMAT csv)', rows)).to.equal(4);
      expect(await stored()).to.deep.equal([]);
      return tx.query('SELECT count(*) AS count FROM items');
    });
    expect(result).to.deep.equal([{ count: 5 }]);
    expect(await stored()).to.deep.equal([
      { id: 1, amount: 10, name: null },
      { id: 2, amount: 5, name: 'Ñandú, A' },
      { id: 3, amount: 6, name: 'x' },
      { id: 4, amount: 5, name: 'Ñandú, A' },
      { id: 5, amount: 6, name: 'x' },
    ]);
  });

  it('accepts a COPY as the first statement, without data, and with a megabyte in many pieces', async () => {
    const copy = 'COPY items (id, amount, name) FROM STDIN (FORMAT csv)';
    expect(await database.transaction((tx) => tx.copyFrom(copy, []))).to.equal(0);
    const name = 'x'.repeat(1000);
    const pieces = Array.from({ length: 1000 }, (_, id) => Buffer.from(`${id},${id},${name}\n`));
    expect(await database.transaction((tx) => tx.copyFrom(copy, pieces))).to.equal(1000);
    const expected = Array.from({ length: 1000 }, (_, id) => ({ id, amount: id, name }));
    expect(await stored()).to.deep.equal(expected);
  });

  it('sends the statements of a transaction without a wait in between, in their order', async () => {
    await database.transaction(async (tx) => {
      const answers = await Promise.all([
        tx.query('INSERT INTO items VALUES (1, 1, NULL)'),
        tx.query('UPDATE items SET amount = amount + $1', [1]),
        tx.query('SELECT amount FROM items'),
      ]);
      expect(answers).to.deep.equal([[], [], [{ amount: 2 }]]);
    });
    expect(await stored()).to.deep.equal([{ id: 1, amount: 2, name: null }]);
  });

  it('rolls back a transaction that throws, and one with a refused statement', async () => {
    const insert = 'INSERT INTO items VALUES (1, 1, NULL)';
    const own = new Error('changed my mind');
    const throwing = database.transaction(async (tx) => {
      await tx.query(insert);
      throw own;
    });
    expect(await rejection(throwing)).to.equal(own);
    const refused = database.transaction(async (tx) => {
      await tx.query(insert);
      await tx.query(insert);
    });
    const error = (await expectCode(refused, 'DATABASE_STATEMENT_FAILED')) as StatementError;
    expect(error.sqlState).to.equal('23505');
    expect(error.message).to.match(/^the database refused a statement: duplicate key value .*\(23505\)$/);
    expect(await stored()).to.deep.equal([]);
    expect(database.counters).to.include({ opened: 1, lost: 0 });
  });

  it('rejects a transaction with a swallowed refusal', async () => {
    const swallowing = database.transaction(async (tx) => {
      await tx.query('INSERT INTO items VALUES (1, 1, NULL)');
      await tx.query('SELECT 1 / 0').catch(() => {});
    });
    await expectCode(swallowing, 'DATABASE_STATEMENT_FAILED');
    expect(await stored()).to.deep.equal([]);
  });

  it('rolls back a COPY with a bad row, and keeps the connection', async () => {
    const copy = 'COPY items (id, amount, name) FROM STDIN (FORMAT csv)';
    const bad = database.transaction((tx) => tx.copyFrom(copy, [Buffer.from('1,1,a\n'), Buffer.from('2,x,b\n')]));
    expect(((await rejection(bad)) as StatementError).sqlState).to.equal('22P02');
    const missing = database.transaction((tx) => tx.copyFrom('COPY nothing FROM STDIN', [Buffer.from('1\n')]));
    expect(((await rejection(missing)) as StatementError).sqlState).to.equal('42P01');
    await database.transaction((tx) => tx.copyFrom(copy, [Buffer.from('3,3,c\n')]));
    expect(await stored()).to.deep.equal([{ id: 3, amount: 3, name: 'c' }]);
    expect(database.counters).to.include({ opened: 1, lost: 0 });
  });

  it('sends nothing for a transaction without a statement, and nothing after its end', async () => {
    expect(await database.transaction(async () => 7)).to.equal(7);
    let kept: (() => Promise<unknown>) | undefined;
    await database.transaction(async (tx) => {
      kept = () => tx.query('INSERT INTO items VALUES (1, 1, NULL)');
    });
    expect((await rejection(kept!())).message).to.equal('the transaction has ended');
    expect(await stored()).to.deep.equal([]);
  });

  it('repeats a transaction after a serialization failure', async () => {
    await database.write('INSERT INTO items VALUES (1, 0, NULL)');
    let runs = 0;
    await database.transaction(async (tx) => {
      runs++;
      await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      await tx.query('SELECT * FROM items');
      if (runs < 3) await other.write('UPDATE items SET amount = amount + 1');
      await tx.query('UPDATE items SET amount = amount + 100');
    });
    expect(runs).to.equal(3);
    expect(database.counters.retries).to.equal(2);
    expect(await stored()).to.deep.equal([{ id: 1, amount: 102, name: null }]);
  });

  it('gives up a transaction after a conflict in each run', async () => {
    await database.write('INSERT INTO items VALUES (1, 0, NULL)');
    let runs = 0;
    const failing = database.transaction(async (tx) => {
      runs++;
      await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      await tx.query('SELECT * FROM items');
      await other.write('UPDATE items SET amount = amount + 1');
      await tx.query('UPDATE items SET amount = 0').catch((cause: unknown) => {
        throw new Error('an error of the caller', { cause });
      });
    });
    const error = (await expectCode(failing, 'DATABASE_STATEMENT_FAILED')) as StatementError;
    expect(error.sqlState).to.equal('40001');
    expect(runs).to.equal(6);
    expect(await stored()).to.deep.equal([{ id: 1, amount: 6, name: null }]);
  });

  it('repeats one of two transactions in a deadlock', async () => {
    await database.write('INSERT INTO items VALUES (1, 0, NULL), (2, 0, NULL)');
    let bothHaveLocked!: () => void;
    const meeting = new Promise<void>((resolve) => (bothHaveLocked = resolve));
    let locked = 0;
    const lockBoth = (first: number, second: number) =>
      database.transaction(async (tx) => {
        await tx.query('UPDATE items SET amount = amount + 1 WHERE id = $1', [first]);
        if (++locked === 2) bothHaveLocked();
        await meeting;
        await tx.query('UPDATE items SET amount = amount + 1 WHERE id = $1', [second]);
      });
    await Promise.all([lockBoth(1, 2), lockBoth(2, 1)]);
    // The repetition may overtake the other transaction, and cause another deadlock.
    expect(database.counters.retries).to.be.at.least(1);
    expect(await stored()).to.deep.equal([
      { id: 1, amount: 2, name: null },
      { id: 2, amount: 2, name: null },
    ]);
  });

  it('ends a statement after its time limit, and keeps the connection', async () => {
    const quick = openDatabase(url, { connections: 1, timeoutMs: 200 });
    const error = (await expectCode(quick.query('SELECT pg_sleep(10)'), 'DATABASE_STATEMENT_FAILED')) as StatementError;
    expect(error.sqlState).to.equal('57014');
    expect(quick.counters).to.include({ opened: 1, lost: 0 });
    const [row] = await quick.transaction(
      async (tx) => {
        await tx.query('SELECT pg_sleep(0.4)');
        return tx.query('SHOW statement_timeout');
      },
      { timeoutMs: 5_000 },
    );
    expect(row).to.deep.equal({ statement_timeout: '4s' });
    expect(await quick.query('SHOW statement_timeout')).to.deep.equal([{ statement_timeout: '100ms' }]);
    await quick.close();
  });
});
