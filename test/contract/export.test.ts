import { readdir, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Bet } from '../../apps/protocol/bet';
import { readBetBatch } from '../../apps/protocol/bet_batch';
import { formatCsvRow } from '../../apps/protocol/csv_row';
import { NEVER_STOPPED } from '../../apps/server/domain/stop';
import { type Database } from '../../apps/server/storage/postgres/database/database';
import { findDraw, readStoredRows } from '../../apps/server/storage/postgres/stored_rows';
import { arbitraryBet } from '../support/arbitrary_bets';
import { rowsByAgency, textOf } from '../support/piece_text';
import { openDatabase } from '../support/postgres_server';
import { expectCode } from '../support/rejection';
import {
  createFileHarness,
  createPostgresHarness,
  type FileHarness,
  type StoreHarness,
} from '../support/store_harness';

const rowOf = (agency: number, { firstName, lastName, document, birthdate, number }: Bet): string =>
  formatCsvRow([String(agency), firstName, lastName, document, birthdate, number]);
const plainRows = (agency: number, first: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${agency},Ana,Paz,${first + index},1999-03-17,7`);
const batch = (rows: readonly string[]) => readBetBatch(Buffer.from(rows.join('\n')), undefined);

const HARNESSES: [string, (context: Mocha.Context) => Promise<StoreHarness>][] = [
  ['files', () => createFileHarness()],
  ['PostgreSQL', createPostgresHarness],
];

for (const [name, createHarness] of HARNESSES) {
  describe(`an export of a store in ${name}`, () => {
    let harness: StoreHarness;

    beforeEach(async function () {
      harness = await createHarness(this);
    });

    afterEach(async () => {
      await harness?.remove();
    });

    it('has nothing of a store without bets', async () => {
      const store = await harness.open();
      expect(await textOf(harness.exportRows())).to.equal('');
      await store.close();
      expect(await textOf(harness.exportRows())).to.equal('');
    });

    it('has the bytes of all rows, whatever is in the names', async () => {
      const store = await harness.open();
      const claims = await Promise.all([1, 2, 3].map((agency) => store.bets.claim(agency)));
      const stored = claims.map((): string[] => []);
      const property = fc.asyncProperty(
        fc.array(fc.array(arbitraryBet, { minLength: 1, maxLength: 15 }), { minLength: 3, maxLength: 3 }),
        async (bets) => {
          const added = bets.map((ofAgency, index) => ofAgency.map((bet) => rowOf(index + 1, bet)));
          await Promise.all(claims.map((claim, i) => store.bets.append(claim, batch(added[i]!), stored[i]!.length)));
          for (const [i, rows] of added.entries()) stored[i]!.push(...rows);
          const exported = rowsByAgency(await textOf(harness.exportRows()));
          expect(exported).to.deep.equal(new Map(stored.map((rows, i) => [i + 1, rows])));
        },
      );
      try {
        // A counterexample would need an empty store for each smaller one.
        await fc.assert(property, { numRuns: 40, endOnFailure: true });
      } finally {
        await store.close();
      }
    });

    it('of a running server has each agency up to one of its batches, with all that was acknowledged before', async () => {
      const store = await harness.open();
      const claims = await Promise.all([1, 2, 3].map((agency) => store.bets.claim(agency)));
      const SIZES = [7, 1, 30];
      const acknowledged = [0, 0, 0];
      let isDone = false;
      const appending = claims.map(async (claim, index) => {
        for (let after = 0; !isDone; after += SIZES[index]!) {
          acknowledged[index] = await store.bets.append(
            claim,
            batch(plainRows(index + 1, after, SIZES[index]!)),
            after,
          );
        }
      });
      try {
        for (let round = 0; round < 20; round++) {
          const before = [...acknowledged];
          const exported = rowsByAgency(await textOf(harness.exportRows()));
          for (const [index, size] of SIZES.entries()) {
            const rows = exported.get(index + 1) ?? [];
            expect(rows).to.deep.equal(plainRows(index + 1, 0, rows.length));
            expect(rows.length % size).to.equal(0);
            expect(rows.length).to.be.at.least(before[index]!);
          }
        }
      } finally {
        isDone = true;
        await Promise.all(appending);
        await store.close();
      }
      const exported = rowsByAgency(await textOf(harness.exportRows()));
      expect([1, 2, 3].map((agency) => exported.get(agency)!.length)).to.deep.equal(acknowledged);
    });
  });
}

describe('an export of a data directory', () => {
  let harness: FileHarness;
  const FIRST = plainRows(1, 0, 3);
  const SECOND = plainRows(2, 0, 2);

  beforeEach(async () => {
    harness = await createFileHarness();
    const store = await harness.open();
    await store.bets.append(await store.bets.claim(1), batch(FIRST), 0);
    await store.bets.append(await store.bets.claim(2), batch(SECOND), 0);
    await store.close();
  });

  afterEach(async () => {
    await harness.remove();
  });

  const path = (name: string): string => join(harness.directory, name);

  it('leaves out a torn tail, and leaves the files as they are', async () => {
    await writeFile(path('bets.csv'), '1,Ana,Pa', { flag: 'a' });
    await writeFile(path('bets.journal'), '0badc0de comm', { flag: 'a' });
    const states = async (): Promise<unknown> => {
      const names = (await readdir(harness.directory)).sort();
      return Promise.all(
        names.map(async (name) => {
          const { size, mtimeMs, ino } = await stat(path(name));
          return { name, size, mtimeMs, ino };
        }),
      );
    };
    const before = await states();
    expect(await textOf(harness.exportRows())).to.equal(`${[...FIRST, ...SECOND].join('\n')}\n`);
    expect(await states()).to.deep.equal(before);
  });

  it('is refused before its first byte if acknowledged bytes are gone', async () => {
    await truncate(path('bets.csv'), 20);
    const pieces: Buffer[] = [];
    const reading = (async () => {
      for await (const piece of harness.exportRows()) pieces.push(piece);
    })();
    await expectCode(reading, 'STORE_DAMAGED');
    expect(pieces).to.deep.equal([]);
  });

  for (const name of ['bets.csv', 'bets.journal', 'bets.mark']) {
    it(`is refused without ${name}`, async () => {
      await unlink(path(name));
      await expectCode(textOf(harness.exportRows()), 'STORE_DAMAGED');
    });
  }

  it('is refused without any of the files', async () => {
    for (const name of await readdir(harness.directory)) await unlink(path(name));
    await expectCode(textOf(harness.exportRows()), 'STORE_DIRECTORY_UNUSABLE');
  });
});

describe('an export of a draw in PostgreSQL', () => {
  let harness: StoreHarness & { readonly url: string };
  let database: Database;

  beforeEach(async function () {
    harness = await createPostgresHarness(this);
    database = openDatabase(harness.url);
  });

  afterEach(async () => {
    await database?.close();
  });

  it('is of the current draw, or of a named one', async () => {
    const store = await harness.open();
    await store.bets.append(await store.bets.claim(1), batch(plainRows(1, 0, 2)), 0);
    await store.close();
    await database.write('UPDATE draws SET is_current = NULL');
    await expectCode(findDraw(database, undefined), 'DRAW_UNKNOWN');
    const next = await harness.open();
    await next.bets.append(await next.bets.claim(1), batch(plainRows(1, 100, 3)), 0);
    await next.close();

    const exported = async (named?: number): Promise<string> =>
      textOf(readStoredRows(database, await findDraw(database, named), NEVER_STOPPED));
    expect(await exported()).to.equal(`${plainRows(1, 100, 3).join('\n')}\n`);
    expect(await exported(1)).to.equal(`${plainRows(1, 0, 2).join('\n')}\n`);
    expect(await exported(2)).to.equal(await exported());
    await expectCode(findDraw(database, 3), 'DRAW_UNKNOWN');
  });

  it('has pages of many agencies and of parts of one, and fails where bets are missing', async () => {
    await (await harness.open({ SERVER_AGENCIES: '500' })).close();
    // 500 agencies with 1 to 200 bets, but one with 25,000: pages of 10,000 rows.
    await database.write(`
      INSERT INTO agencies (draw, agency, epoch, stored)
      SELECT 1, agency, 1, CASE agency WHEN 77 THEN 25000 ELSE 1 + agency % 200 END FROM generate_series(1, 500) agency`);
    await database.write(`
      INSERT INTO bets SELECT draw, agency, s.seq, 'Ana', 'Paz', s.seq::text, '1999-03-17', '7'
        FROM agencies CROSS JOIN LATERAL generate_series(1, stored) s (seq) ORDER BY s.seq DESC, agency`);
    const text = await textOf(harness.exportRows());
    const expected = Array.from({ length: 500 }, (_, index) => index + 1).flatMap((agency) =>
      plainRows(agency, 1, agency === 77 ? 25_000 : 1 + (agency % 200)),
    );
    expect(text === `${expected.join('\n')}\n`).to.equal(true);
    await database.write('DELETE FROM bets WHERE agency = 77 AND seq = 20000');
    const { message } = await expectCode(textOf(harness.exportRows()), 'STORE_DAMAGED');
    expect(message).to.match(/: 1 bets are missing \(draw 1, agencies 77 to \d+\)$/);
  });
});
