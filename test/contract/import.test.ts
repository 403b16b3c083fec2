import { readdir, readFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { readBetBatch } from '../../apps/protocol/bet_batch';
import { formatCsvRow } from '../../apps/protocol/csv_row';
import { StoreStoppedError } from '../../apps/server/domain/store_errors';
import { type StoreContent } from '../../apps/server/domain/store_content';
import { NEVER_STOPPED } from '../../apps/server/domain/stop';
import { archiveDraw } from '../../apps/server/storage/postgres/draw_archive';
import { type Database } from '../../apps/server/storage/postgres/database/database';
import { importStore } from '../../apps/server/storage/postgres/store_import';
import { arbitraryBet } from '../support/arbitrary_bets';
import { eventually } from '../support/eventually';
import { rowsByAgency, textOf } from '../support/piece_text';
import { openDatabase } from '../support/postgres_server';
import { expectCode } from '../support/rejection';
import {
  createFileHarness,
  createPostgresHarness,
  type FileHarness,
  type OpenStore,
  type StoreHarness,
} from '../support/store_harness';

const LATER = { timeoutMs: 10_000, signal: new AbortController().signal };
const bet = (agency: number, document: number, number = '1'): string =>
  `${agency},Ana,Paz,${document},1999-03-17,${number}`;
const batch = (...rows: string[]) => readBetBatch(Buffer.from(rows.join('\n')), undefined);

describe('an import of files into PostgreSQL', () => {
  let files: FileHarness;
  let target: StoreHarness & { readonly url: string };
  let database: Database;

  beforeEach(async function () {
    target = await createPostgresHarness(this);
    database = openDatabase(target.url);
    files = await createFileHarness();
  });

  afterEach(async () => {
    await database?.close();
    await files?.remove();
  });

  /** The tables of a database; epochs and times are of no interest. */
  const tables = async (): Promise<unknown> => ({
    draws: await database.query(
      'SELECT draw, winning_number, agencies, is_current, finished, held_at IS NOT NULL AS is_held FROM draws',
    ),
    agencies: await database.query('SELECT draw, agency, stored, finished_with FROM agencies ORDER BY agency'),
    bets: await database.query('SELECT draw, agency, seq, document, number FROM bets ORDER BY agency, seq'),
    winners: await database.query('SELECT * FROM winners ORDER BY agency, seq'),
  });
  const EMPTY = { draws: [], agencies: [], bets: [], winners: [] };

  const importFiles = async (settings: Record<string, string> = {}, stop = NEVER_STOPPED): Promise<void> => {
    const store = files.compose(settings);
    await store.openUnchanged(stop);
    try {
      await importStore(database, store.content, stop);
    } finally {
      await store.close();
    }
  };

  /** Three agencies: two with bets, of which one has finished, and one that has finished without any. */
  const fill = async (store: OpenStore): Promise<void> => {
    const [one, two, three] = await Promise.all([1, 2, 3].map((agency) => store.bets.claim(agency)));
    await store.bets.append(one!, batch(bet(1, 1, '42'), bet(1, 2)), 0);
    await store.bets.append(two!, batch(bet(2, 1, '0042')), 0);
    await store.bets.append(one!, batch(bet(1, 3, '042'), bet(1, 4, '420')), 2);
    await store.tracker.finish(one!, 4);
    await store.tracker.finish(three!, 0);
  };

  it('copies draw, counts, finishes, bets in their order and winning bets, and leaves the files as they are', async () => {
    const store = await files.open();
    await fill(store);
    await store.close();
    const contents = async (): Promise<unknown> => {
      const names = (await readdir(files.directory)).sort();
      return Promise.all(
        names.map(async (name) => {
          const path = join(files.directory, name);
          return { name, bytes: await readFile(path, 'utf8'), changedAt: (await stat(path)).mtimeMs };
        }),
      );
    };
    const before = await contents();
    await importFiles();
    expect(await contents()).to.deep.equal(before);
    expect(await tables()).to.deep.equal({
      draws: [{ draw: 1, winning_number: 42, agencies: 3, is_current: true, finished: 2, is_held: false }],
      agencies: [
        { draw: 1, agency: 1, stored: 4, finished_with: 4 },
        { draw: 1, agency: 2, stored: 1, finished_with: null },
        { draw: 1, agency: 3, stored: 0, finished_with: 0 },
      ],
      bets: [
        { draw: 1, agency: 1, seq: 1, document: '1', number: '42' },
        { draw: 1, agency: 1, seq: 2, document: '2', number: '1' },
        { draw: 1, agency: 1, seq: 3, document: '3', number: '042' },
        { draw: 1, agency: 1, seq: 4, document: '4', number: '420' },
        { draw: 1, agency: 2, seq: 1, document: '1', number: '0042' },
      ],
      winners: [
        { draw: 1, agency: 1, seq: 1, document: '1' },
        { draw: 1, agency: 1, seq: 3, document: '3' },
        { draw: 1, agency: 2, seq: 1, document: '1' },
      ],
    });
  });

  it('lets a server go on where the files end', async () => {
    const before = await files.open();
    await fill(before);
    await before.close();
    await importFiles();
    const store = await target.open();
    try {
      const claim = await store.bets.claim(2);
      expect(claim.stored).to.equal(1);
      expect(await store.tracker.count()).to.equal(2);
      await store.bets.append(claim, batch(bet(2, 2, '42')), 1);
      await store.tracker.finish(claim, 2);
      expect(await store.winners.waitForDraw(LATER)).to.equal(true);
      expect(await Promise.all([1, 2, 3].map((agency) => store.winners.winnersOf(agency)))).to.deep.equal([
        ['1', '3'],
        ['1', '2'],
        [],
      ]);
    } finally {
      await store.close();
    }
  });

  it('copies a draw that was held: the same winners are there, and nothing can be added', async () => {
    const before = await files.open();
    await fill(before);
    const claim = await before.bets.claim(2);
    await before.tracker.finish(claim, 1);
    expect(await before.winners.waitForDraw(LATER)).to.equal(true);
    const winners = await Promise.all([1, 2, 3].map((agency) => before.winners.winnersOf(agency)));
    await before.close();
    await importFiles();
    expect(await database.query('SELECT finished, held_at IS NOT NULL AS is_held FROM draws')).to.deep.equal([
      { finished: 3, is_held: true },
    ]);
    const store = await target.open();
    try {
      expect(await store.winners.waitForDraw(LATER)).to.equal(true);
      expect(await Promise.all([1, 2, 3].map((agency) => store.winners.winnersOf(agency)))).to.deep.equal(winners);
      await expectCode(store.bets.append(await store.bets.claim(1), batch(bet(1, 5)), 4), 'BATCH_OUT_OF_SEQUENCE');
    } finally {
      await store.close();
    }
  });

  it('copies every row byte by byte, whatever is in the names, from pieces of any size', async () => {
    const rows = fc.sample(fc.array(arbitraryBet, { minLength: 400, maxLength: 400 }), { numRuns: 1, seed: 7 })[0]!;
    const lines = rows.map((fields, index) => {
      const { firstName, lastName, document, birthdate, number } = fields;
      // Runs of one to five rows of 1,200 agencies.
      return formatCsvRow([
        String(1 + (Math.floor(index / 3) % 120) * 10),
        firstName,
        lastName,
        document,
        birthdate,
        number,
      ]);
    });
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    const expected = rowsByAgency(bytes.toString());
    const counts = new Map(Array.from(expected, ([agency, { length }]) => [agency, length]));
    const contentIn = (size: number): StoreContent => ({
      terms: { number: 42, agencies: 1200 },
      isHeld: false,
      counts,
      finishes: new Map(),
      readEvidence: async () => undefined,
      async *readRows() {
        for (let at = 0; at < bytes.length; at += size) yield Uint8Array.from(bytes.subarray(at, at + size));
      },
    });
    for (const size of [17, 1000, bytes.length]) {
      await importStore(database, contentIn(size), NEVER_STOPPED);
      expect(rowsByAgency(await textOf(target.exportRows()))).to.deep.equal(expected);
      await database.write('TRUNCATE bets, winners, agencies, draws, draw_evidence');
    }
  });

  for (const [what, prepare] of [
    ['a draw', () => database.write('INSERT INTO draws VALUES (1, 42, 3, true)')],
    ['an older draw only', () => database.write('INSERT INTO draws VALUES (3, 42, 3, NULL)')],
    ['bets only', () => database.write("INSERT INTO bets VALUES (1, 1, 1, 'a', 'b', '1', '1999-03-17', '7')")],
  ] as const) {
    it(`is refused by a database with ${what}, which stays as it is`, async () => {
      await (await files.open()).close();
      await prepare();
      const before = await tables();
      const { message } = await expectCode(importFiles(), 'STORE_NOT_EMPTY');
      expect(message).to.match(/^the database \S+ is not empty: /);
      expect(await tables()).to.deep.equal(before);
    });
  }

  it('is refused after a server has opened the database, and after a first import', async () => {
    await (await files.open()).close();
    await (await target.open()).close();
    await expectCode(importFiles(), 'STORE_NOT_EMPTY');
    await archiveDraw(database);
    await expectCode(importFiles(), 'STORE_NOT_EMPTY');
    await database.write('DELETE FROM draws');
    await importFiles();
    await expectCode(importFiles(), 'STORE_NOT_EMPTY');
  });

  it('succeeds for one of two at the same time', async () => {
    const store = await files.open();
    await fill(store);
    await store.close();
    const content = files.compose();
    await content.openUnchanged(NEVER_STOPPED);
    const others = openDatabase(target.url);
    try {
      const results = await Promise.allSettled([
        importStore(database, content.content, NEVER_STOPPED),
        importStore(others, content.content, NEVER_STOPPED),
      ]);
      expect(results.map(({ status }) => status).sort()).to.deep.equal(['fulfilled', 'rejected']);
      const [refused] = results.filter((result): result is PromiseRejectedResult => result.status === 'rejected');
      expect(refused!.reason).to.have.property('code', 'STORE_NOT_EMPTY');
      expect(await target.rows()).to.deep.equal(await files.rows());
    } finally {
      await content.close();
      await others.close();
    }
  });

  it('makes a server wait that opens the database meanwhile: it finds the imported draw', async () => {
    const importing = openDatabase(target.url, { timeoutMs: 60_000 });
    let release = (): void => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    let hasBegun = (): void => {};
    const begun = new Promise<void>((resolve) => (hasBegun = resolve));
    const content: StoreContent = {
      terms: { number: 42, agencies: 3 },
      isHeld: false,
      counts: new Map([[1, 2]]),
      finishes: new Map(),
      readEvidence: async () => undefined,
      async *readRows() {
        yield Buffer.from(`${bet(1, 1)}\n`);
        hasBegun();
        await released;
        yield Buffer.from(`${bet(1, 2)}\n`);
      },
    };
    let opening: Promise<OpenStore> | undefined;
    try {
      const imported = importStore(importing, content, NEVER_STOPPED);
      await Promise.race([begun, imported]);
      opening = target.open();
      const isWaiting = `SELECT 1 FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%INSERT INTO draws%'`;
      await eventually('the wait of the server', async () => (await database.query(isWaiting)).length > 0, 10_000);
      release();
      await imported;
      const store = await opening;
      expect(await store.bets.claim(1)).to.include({ stored: 2 });
      expect(await target.rows()).to.deep.equal([bet(1, 1), bet(1, 2)]);
      expect(await database.query('SELECT draw FROM draws')).to.deep.equal([{ draw: 1 }]);
    } finally {
      release();
      await (await opening)?.close();
      await importing.close();
    }
  });

  it('stores nothing of damaged files, or files of other settings', async () => {
    const store = await files.open();
    await fill(store);
    await store.close();
    await expectCode(importFiles({ SERVER_AGENCIES: '2' }), 'STORE_CONFLICT');
    await truncate(join(files.directory, 'bets.csv'), 30);
    await expectCode(importFiles(), 'STORE_DAMAGED');
    expect(await tables()).to.deep.equal(EMPTY);
  });

  it('is refused while a server runs on the files', async () => {
    const store = await files.open();
    await expectCode(importFiles(), 'STORE_IN_USE');
    await store.close();
    expect(await tables()).to.deep.equal(EMPTY);
  });

  it('stores nothing if the rows end early, are not those of the counts, or are no rows', async () => {
    const importRows = (text: string, counts: [number, number][]): Promise<void> =>
      importStore(
        database,
        {
          terms: { number: 42, agencies: 3 },
          isHeld: false,
          counts: new Map(counts),
          finishes: new Map(),
          readEvidence: async () => undefined,
          async *readRows() {
            yield Buffer.from(text);
          },
        },
        NEVER_STOPPED,
      );
    await expectCode(importRows(`${bet(1, 1)}\n${bet(1, 2)}`, [[1, 2]]), 'STORE_DAMAGED');
    await expectCode(importRows(`${bet(1, 1)}\n`, [[1, 2]]), 'STORE_DAMAGED');
    await expectCode(importRows(`${bet(1, 1)}\n${bet(2, 1)}\n`, [[1, 1]]), 'STORE_DAMAGED');
    await expectCode(importRows(`\n`, []), 'STORE_DAMAGED');
    await expectCode(importRows(`Ana,Paz\n`, []), 'STORE_DAMAGED');
    expect(await tables()).to.deep.equal(EMPTY);
  });

  it('stores nothing if it is stopped in the middle', async () => {
    const stop = new AbortController();
    const reading = importStore(
      database,
      {
        terms: { number: 1, agencies: 3 },
        isHeld: false,
        counts: new Map([[1, 2]]),
        finishes: new Map(),
        readEvidence: async () => undefined,
        async *readRows(signal) {
          yield Buffer.from(`${bet(1, 1)}\n`);
          stop.abort();
          if (signal.aborted) throw new StoreStoppedError('stopped before the end');
        },
      },
      stop.signal,
    );
    await expectCode(reading, 'STORE_STOPPED');
    expect(await tables()).to.deep.equal(EMPTY);
  });
});
