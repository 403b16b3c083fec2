import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { appendFile, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OutgoingBatch } from '../../../../../apps/client/bets/bet_source';
import { DataFile } from '../../../../../apps/client/bets/data_file';
import { FileBetSource } from '../../../../../apps/client/bets/file_bet_source';
import { arbitraryBatches } from '../../../../support/arbitrary_batches';
import { type BetFields, formatBets, generateBets, storedRow } from '../../../../support/generated_bets';
import { createMemoryLog } from '../../../../support/memory_lottery';
import { expectCode } from '../../../../support/rejection';
import { formatReferenceRows, readReferenceBatch } from '../../../../support/reference_batch';

const NEVER_STOPPED = new AbortController().signal;
const GOOD = 'Ana,Gómez,1,1999-03-17,42';

describe("an agency's file", () => {
  let directory: string;
  let path: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bets-'));
    path = join(directory, 'bets.csv');
  });

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  const sourceOf = (file: string, maxBets = 0): FileBetSource =>
    new FileBetSource({ CLI_ID: 3, CLI_BATCH_MAX_AMOUNT: maxBets }, new DataFile(file), createMemoryLog().log);

  /** Reads a file up to its end or its first error. */
  async function read(
    content: string | Uint8Array,
    { skip = 0, maxBets = 0 } = {},
  ): Promise<{ batches: OutgoingBatch[]; rows: string[]; error?: Error & { code?: string } }> {
    await writeFile(path, content);
    const batches: OutgoingBatch[] = [];
    const rows: string[] = [];
    try {
      for await (const { value, count } of sourceOf(path, maxBets).batches(skip, NEVER_STOPPED)) {
        // A batch is valid until the next one is read.
        batches.push({ value: Buffer.from(value), count });
        rows.push(...Buffer.from(value).toString('utf8').split('\n'));
      }
    } catch (error) {
      return { batches, rows, error: error as Error };
    }
    return { batches, rows };
  }

  const withoutError = { error: undefined };

  it('yields batches of up to 8 kB, with the agency before each row', async () => {
    const bets = generateBets(3, 3000);
    const { batches, rows, error } = { ...withoutError, ...(await read(formatBets(bets))) };
    expect(error).to.equal(undefined);
    expect(rows).to.deep.equal(bets.map((bet) => storedRow(3, bet)));
    for (const [index, { value, count }] of batches.entries()) {
      expect(value.length).to.be.at.most(8192);
      expect(Buffer.from(value).toString().split('\n')).to.have.length(count);
      const next = batches[index + 1];
      if (next === undefined) continue;
      const firstOfNext = Buffer.from(next.value).toString().split('\n')[0]!;
      expect(value.length + 1 + Buffer.byteLength(firstOfNext)).to.be.greaterThan(8192);
    }
  });

  it('limits the bets of a batch', async () => {
    const { batches } = await read(formatBets(generateBets(3, 25)), { maxBets: 10 });
    expect(batches.map(({ count }) => count)).to.deep.equal([10, 10, 5]);
  });

  it('may be empty', async () => {
    for (const content of ['', '\ufeff']) expect(await read(content)).to.deep.equal({ batches: [], rows: [] });
  });

  it('may have a byte order mark, CRLF, quotes, and no last line break', async () => {
    const { rows } = await read(`\ufeff"Ana ""x""","Gómez, h.",1,1999-03-17,42\r\n${GOOD}`);
    expect(rows).to.deep.equal(['3,"Ana ""x""","Gómez, h.",1,1999-03-17,42', `3,${GOOD}`]);
  });

  it('has a byte order mark at its start only', async () => {
    const { rows } = await read(`\ufeff\ufeff${GOOD}\n\ufeff${GOOD}`);
    expect(rows).to.deep.equal([`3,\ufeff${GOOD}`, `3,\ufeff${GOOD}`]);
  });

  it('skips any number of bets, up to all of them', async () => {
    const bets = generateBets(3, 400);
    const expected = bets.map((bet) => storedRow(3, bet));
    for (const skip of [0, 1, 199, 399, 400]) {
      const { rows, error } = { ...withoutError, ...(await read(formatBets(bets), { skip })) };
      expect(error).to.equal(undefined);
      expect(rows).to.deep.equal(expected.slice(skip));
    }
  });

  it('is rejected if it has fewer bets than are stored', async () => {
    const { error, rows } = await read(`${GOOD}\n${GOOD}`, { skip: 3 });
    expect(rows).to.deep.equal([]);
    expect(error).to.include({ code: 'SOURCE_TOO_SHORT' });
    expect(error!.message).to.equal(`${path} has 2 bets, and the server holds 3 of this agency`);
  });

  for (const [what, row, fault] of [
    ['an empty line', '', 'an empty line'],
    ['an empty line with CR', '\r', 'an empty line'],
    ['a field too few', 'Ana,Gómez,1,1999-03-17', '1 field(s) too few'],
    ['a field too many', `${GOOD},`, '1 field(s) too many'],
    ['an invalid number', 'Ana,Gómez,1,1999-03-17,x', 'number is not 1 to 4 digits'],
    ['an unclosed quote', '"Ana,Gómez,1,1999-03-17,42', 'a quote inside a field'],
    ['a lone carriage return', `${GOOD}\r${GOOD}`, 'a carriage return without a line feed'],
    ['a long line', 'a'.repeat(70_000), 'a line of more than 8192 bytes'],
    ['a line longer than a block', 'a'.repeat(700_000), 'a line of more than 8192 bytes'],
  ] as const) {
    it(`reports ${what} by file and line, after all bets before it`, async () => {
      const bets = generateBets(3, 300);
      const { rows, error } = await read(`${formatBets(bets)}${row}\n${GOOD}\n`);
      expect(rows).to.deep.equal(bets.map((bet) => storedRow(3, bet)));
      expect(error).to.include({ code: 'BAD_ROW' });
      expect(error!.message.startsWith(`${path}:301: ${fault}`), error!.message).to.equal(true);
    });
  }

  it('reports a row that is not UTF-8', async () => {
    const { rows, error } = await read(
      Buffer.concat([Buffer.from(`${GOOD}\nA`), Buffer.of(0xff), Buffer.from(`${GOOD}\n`)]),
    );
    expect(rows).to.deep.equal([`3,${GOOD}`]);
    expect(error!.message).to.equal(`${path}:2: not UTF-8`);
  });

  it('reports no personal data in an error', async () => {
    const { error } = await read('Secreta,"Privada"x,12345678,1999-03-17,1');
    expect(error!.message).not.to.match(/Secreta|Privada|12345678/);
  });

  for (const [what, addition] of [
    ['a row', `${GOOD}\n${GOOD}`],
    ['half a row', 'Ana,Góm'],
  ] as const) {
    it(`fails before its last batch if ${what} is appended during the read`, async () => {
      const bets = generateBets(3, 300);
      await writeFile(path, formatBets(bets));
      await utimes(path, 1, 1);
      const rows: string[] = [];
      async function readAll(): Promise<void> {
        for await (const { value } of sourceOf(path).batches(0, NEVER_STOPPED)) {
          if (rows.length === 0) await appendFile(path, addition);
          rows.push(...Buffer.from(value).toString('utf8').split('\n'));
        }
      }
      await expectCode(readAll(), 'SOURCE_CHANGED');
      expect(rows).to.have.length.within(1, 299);
      expect(rows).to.deep.equal(bets.slice(0, rows.length).map((bet) => storedRow(3, bet)));
    });
  }

  it('cannot be read if it is missing', async () => {
    const file = join(directory, 'none.csv');
    const error = await expectCode(sourceOf(file).batches(0, NEVER_STOPPED).next(), 'SOURCE_UNREADABLE');
    expect(error.message.startsWith(`${file} cannot be read: `)).to.equal(true);
  });

  it('passes the first check if it is missing', async () => {
    await sourceOf(join(directory, 'none.csv')).requireUsable(NEVER_STOPPED);
  });

  it('is refused if it is a directory, with and without the first check', async () => {
    await expectCode(sourceOf(directory).requireUsable(NEVER_STOPPED), 'UNUSABLE_SETTINGS');
    await expectCode(sourceOf(directory).batches(0, NEVER_STOPPED).next(), 'UNUSABLE_SETTINGS');
  });

  it('keeps rows across blocks complete', async () => {
    const long: BetFields = ['王'.repeat(100), '"'.repeat(100), '1', '1999-03-17', '1'];
    const bets = Array.from({ length: 3000 }, (_, index): BetFields =>
      index % 7 === 0 ? long : generateBets(3, 1)[0]!,
    );
    const { rows } = await read(formatBets(bets, '\r\n'));
    expect(rows).to.deep.equal(bets.map((bet) => storedRow(3, bet)));
  });

  it('is accepted exactly if the protocol accepts its rows', async () => {
    // Only a file may begin with a byte order mark. File and batch both refuse line breaks in quotes.
    const inputs = fc.sample(arbitraryBatches, { numRuns: 800, seed: 42 });
    let accepted = 0;
    for (const value of inputs) {
      const text = value.toString('latin1');
      const content = Buffer.from(text.replaceAll(/(^|\n)3,/g, '$1'), 'latin1');
      if (content.length === 0 || content.indexOf('\ufeff') === 0 || content.length > 8000) continue;
      const prefixed = Buffer.from(content.toString('latin1').replaceAll(/(^|\n)(?!$)/g, '$13,'), 'latin1');
      const expected = readReferenceBatch(prefixed, 3);
      const { rows, error } = await read(content);
      if ('refused' in expected) {
        expect(error, JSON.stringify(text)).to.include({ code: 'BAD_ROW' });
        continue;
      }
      accepted++;
      expect(error).to.equal(undefined);
      expect(rows.join('\n')).to.equal(formatReferenceRows(expected.rows));
    }
    expect(accepted).to.be.greaterThan(50);
  });

  describe('compared with the stored bets', () => {
    const bets = generateBets(3, 3000);
    const stored = bets.slice(0, 2000).map((bet) => storedRow(3, bet));
    const digestOf = (rows: readonly string[]) => {
      const text = rows.map((row) => `${row}\n`).join('');
      return { count: rows.length, digest: createHash('sha256').update(text).digest('hex') };
    };
    const compare = async (content: string, rows: readonly string[] = stored): Promise<void> => {
      await writeFile(path, content);
      await sourceOf(path).requireStored(digestOf(rows), NEVER_STOPPED);
    };
    const lines = formatBets(bets).split('\n').slice(0, -1);
    /** A four-digit number with another last digit, any other with a zero before it. */
    const respell = (row: string): string =>
      row.replace(/,(\d+)$/, (_, number: string) => `,${number.length < 4 ? `0${number}` : Number(number) ^ 1}`);
    const file = (...rows: readonly string[]): string => rows.map((row) => `${row}\n`).join('');

    it('has the same rows in any form of the file: a mark, other line breaks, other quotes', async () => {
      await compare(formatBets(bets));
      await compare(`\ufeff${formatBets(bets, '\r\n')}`);
      await compare(formatBets(bets.slice(0, 2000)).trimEnd());
      await compare('"Li","Wu",5,2000-02-29,"0042"\r\n"Ñandú, ""el""",Paz,1,1999-03-17,7', [
        '3,Li,Wu,5,2000-02-29,0042',
        '3,"Ñandú, ""el""",Paz,1,1999-03-17,7',
      ]);
    });

    it('may have any rows behind them', async () => {
      await compare(file(...lines.slice(0, 2000)));
      await compare(file(...lines.slice(0, 2000), 'nonsense'));
      await compare(file(...lines.slice(0, 2000), '', '"x'));
    });

    for (const [what, edit] of [
      ['a changed row', (rows: string[]) => (rows[1999] = GOOD)],
      ['a removed row', (rows: string[]) => rows.splice(7, 1)],
      ['an added row', (rows: string[]) => rows.splice(0, 0, GOOD)],
      ['reordered rows', (rows: string[]) => rows.splice(3, 2, rows[4]!, rows[3]!)],
      ['another spelling of a number', (rows: string[]) => (rows[5] = respell(rows[5]!))],
    ] as const) {
      it(`differs after ${what}`, async () => {
        const rows = [...lines];
        edit(rows);
        await expectCode(compare(file(...rows)), 'SOURCE_MISMATCH');
      });
    }

    it('names an invalid row among them, and a file with fewer', async () => {
      await expectCode(compare(file(...lines.slice(0, 9), 'nonsense', ...lines.slice(10))), 'BAD_ROW');
      await expectCode(compare(file(...lines.slice(0, 1999))), 'SOURCE_TOO_SHORT');
    });
  });
});
