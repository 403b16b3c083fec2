import { execFileSync } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readBetBatch } from '../../apps/protocol/bet_batch';
import { readSignedDraw, signDraw } from '../../apps/server/evidence/signed_draw';
import { DIST } from '../support/app';
import { type CommandResult, runCommand } from '../support/command';
import { createDrawKeys, type DrawKeys } from '../support/draw_keys';
import { formatBets, generateBets, storedRow } from '../support/generated_bets';
import {
  createFileHarness,
  createPostgresHarness,
  type FileHarness,
  type PostgresHarness,
  type StoreHarness,
} from '../support/store_harness';

const PROGRAM = join(DIST, 'apps/server/verify.js');
const LATER = { timeoutMs: 20_000, signal: new AbortController().signal };
const TERMS = { SERVER_AGENCIES: '3', SERVER_WINNING_NUMBER: '7574' };
const BETS = [1, 2].map((agency) => generateBets(agency, 400, 50));
const ROWS = BETS.map((bets, index) => bets.map((bet) => storedRow(index + 1, bet)));
const WINNERS = BETS.flat().filter((bet) => bet[4] === '7574').length;
const GOOD = new RegExp(
  `: the 800 bets of 3 agencies are those of the draw with the number 7574; ${WINNERS} of them win\n$`,
);

/** Stores these rows of the agencies 1 and 2, and holds the draw. */
async function holdDraw(harness: StoreHarness, rows: readonly (readonly string[])[], key?: string): Promise<void> {
  const store = await harness.open({ ...TERMS, ...(key === undefined ? {} : { SERVER_DRAW_KEY_FILE: key }) });
  try {
    for (const agency of [1, 2, 3]) {
      const own = rows[agency - 1] ?? [];
      const claim = await store.bets.claim(agency);
      for (let after = 0; after < own.length; after += 100) {
        const batch = readBetBatch(Buffer.from(own.slice(after, after + 100).join('\n')), agency);
        await store.bets.append(claim, batch, after);
      }
      await store.tracker.finish(claim, own.length, await store.evidence.digestAtFinish(agency, own.length));
    }
    expect(await store.winners.waitForDraw(LATER)).to.equal(true);
  } finally {
    await store.close();
  }
}

describe('lottery-verify', function () {
  this.timeout(120_000);
  let keys: DrawKeys;

  before(() => {
    keys = createDrawKeys();
  });

  after(() => keys.remove());

  const verify = (settings: Record<string, string>, ...args: string[]): Promise<CommandResult> =>
    runCommand(process.execPath, [PROGRAM, '--key', keys.publicFile, ...args], {
      env: { CONFIG_FILE: '/dev/null', ...settings },
    });

  async function expectFailure(result: Promise<CommandResult>, code: number, pattern: RegExp): Promise<void> {
    const { code: found, stdout, stderr } = await result;
    expect(stderr).to.match(pattern);
    expect(stderr.match(/\n/g)).to.have.length(1);
    expect([found, stdout]).to.deep.equal([code, '']);
  }

  describe('of a store in files', () => {
    let harness: FileHarness;
    let settings: { SERVER_DATA_DIR: string };
    let record: string;

    before(async () => {
      harness = await createFileHarness();
      settings = { SERVER_DATA_DIR: harness.directory };
      await holdDraw(harness, ROWS, keys.privateFile);
      record = join(harness.directory, 'draw.json');
    });

    after(() => harness.remove());

    /** Writes a record beside the keys, and returns its path. */
    async function writeRecord(text: string): Promise<string> {
      const path = join(keys.directory, 'other.json');
      await writeFile(path, text);
      return path;
    }

    it('finds the bets and winners of the record, and openssl finds its signature', async () => {
      const good = await verify(settings);
      expect([good.code, good.stderr]).to.deep.equal([0, '']);
      expect(good.stdout).to.match(GOOD);
      expect((await stat(record)).mode & 0o777).to.equal(0o600);
      const text = await readFile(record, 'utf8');
      const { draw, signature } = JSON.parse(text) as { draw: object; signature: string };
      const [statement, sig] = [join(keys.directory, 'draw'), join(keys.directory, 'sig')];
      await writeFile(statement, JSON.stringify(draw));
      await writeFile(sig, Buffer.from(signature, 'base64'));
      const args = ['pkeyutl', '-verify', '-pubin', '-inkey', keys.publicFile, '-rawin', '-in', statement];
      expect(String(execFileSync('openssl', [...args, '-sigfile', sig]))).to.match(/Verified Successfully/);
    });

    const edits: [string, (rows: string[]) => unknown, RegExp][] = [
      [
        'a changed row',
        (rows) => (rows[7] = rows[7]!.replace(/,[^,]+-[^,]+,/, ',1950-01-01,')),
        /agency 1: the 400 rows are not those of the record/,
      ],
      ['an added row', (rows) => rows.push('1,Ana,Paz,1,1999-03-17,1'), /agency 1: 401 bets, and the record has 400/],
      ['a removed row', (rows) => rows.pop(), /agency 1: 399 bets, and the record has 400/],
      [
        'reordered rows',
        (rows) => rows.reverse(),
        /agency 1: the 400 rows are not those of the record, or not in their order/,
      ],
    ];
    for (const [what, edit, pattern] of edits) {
      it(`finds ${what} in a consistent store`, async () => {
        const other = await createFileHarness();
        try {
          const rows = [...ROWS[0]!];
          edit(rows);
          await holdDraw(other, [rows, ROWS[1]!]);
          await expectFailure(verify({ SERVER_DATA_DIR: other.directory }, '--record', record), 1, pattern);
        } finally {
          await other.remove();
        }
      });
    }

    it('finds a changed byte of bets.csv', async () => {
      const other = await createFileHarness();
      try {
        await holdDraw(other, ROWS, keys.privateFile);
        const path = join(other.directory, 'bets.csv');
        const bytes = await readFile(path);
        bytes[20]! ^= 1;
        await writeFile(path, bytes);
        await expectFailure(verify({ SERVER_DATA_DIR: other.directory }), 1, /bets\.csv: bytes \d+ to \d+ differ/);
      } finally {
        await other.remove();
      }
    });

    it('finds another number, another winner and a missing agency, whoever has signed them', async () => {
      const { statement } = readSignedDraw(await readFile(record, 'utf8'));
      const [first, ...others] = statement.agencies;
      const forge = (agencies: object, number = 7574): Promise<string> =>
        writeRecord(signDraw({ number, agencies: agencies as typeof statement.agencies }, keys.privateKey));
      const withNumber = await forge(statement.agencies, 7575);
      await expectFailure(
        verify(settings, '--record', withNumber),
        1,
        /the draw of the store has the number 7574 and 3 agencies, and the record has 7575 and 3/,
      );
      const withWinner = await forge([{ ...first, winners: [...first!.winners, 400] }, ...others]);
      await expectFailure(
        verify(settings, '--record', withWinner),
        1,
        /agency 1: \d+ rows with the number of the draw, and \d+ in the record \(row 400 differs\)/,
      );
      const fewer = await forge(statement.agencies.slice(0, 1));
      await expectFailure(
        verify(settings, '--record', fewer),
        1,
        /3 agencies, and the record has 7574 and 1; agency 2: 400 bets, and the record does not have this agency/,
      );
    });

    it('finds a forged record and a forged signature', async () => {
      const text = await readFile(record, 'utf8');
      const forged = /lottery-verify: the signature is not of this key/;
      await expectFailure(
        verify(settings, '--record', await writeRecord(text.replace('"bets":400', '"bets":401'))),
        1,
        forged,
      );
      const { signature } = JSON.parse(text) as { signature: string };
      const other = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;
      await expectFailure(verify(settings, '--record', await writeRecord(text.replace(signature, other))), 1, forged);
      const stranger = createDrawKeys();
      try {
        await expectFailure(verify(settings, '--key', stranger.publicFile), 1, forged);
      } finally {
        stranger.remove();
      }
    });

    it('refuses unusable input with exit code 2', async () => {
      const text = await readFile(record, 'utf8');
      const unusable = /the record of \S+ cannot be used/;
      await expectFailure(verify(settings, '--record', await writeRecord(text.slice(0, -20))), 2, unusable);
      await expectFailure(verify(settings, '--record', await writeRecord(` ${text}`)), 2, /not in its canonical form/);
      await expectFailure(verify(settings, '--record', '/nowhere'), 2, /--record \/nowhere cannot be read/);
      await expectFailure(verify(settings, '--key', record), 2, /holds no public Ed25519 key/);
      await expectFailure(verify(settings, '--agency', '1'), 2, /--agency ID, --file FILE and --record FILE together/);
      await expectFailure(
        verify(settings, '--agency', '1', '--file', '/nowhere', '--record', record),
        2,
        /cannot be read/,
      );
      const empty = await createFileHarness();
      await expectFailure(verify({ SERVER_DATA_DIR: empty.directory }), 2, /has no signed record/);
      await empty.remove();
      const noKey = runCommand(process.execPath, [PROGRAM], { env: { CONFIG_FILE: '/dev/null', ...settings } });
      await expectFailure(noKey, 2, /--key FILE is required/);
    });

    describe("with an agency's own file", () => {
      const own = 'agency-1.csv';
      const check = async (content: string, agency = '1'): Promise<CommandResult> => {
        const path = join(keys.directory, own);
        await writeFile(path, content);
        return verify({}, '--agency', agency, '--file', path, '--record', record);
      };
      const lines = BETS[0]!.map((bet) => storedRow(1, bet).slice(2));

      it('finds its bets in the draw', async () => {
        const { code, stdout, stderr } = await check(`\ufeff${formatBets(BETS[0]!, '\r\n').trimEnd()}`);
        expect([code, stderr]).to.deep.equal([0, '']);
        expect(stdout).to.match(
          /^agency 1: the 400 bets of \S+ are those of the draw with the number 7574; \d+ of them win\n$/,
        );
      });

      it('finds a changed, an added and a removed row, other order, and another agency', async () => {
        const text = (rows: readonly string[]): string => rows.map((row) => `${row}\n`).join('');
        await expectFailure(
          check(text(['Ana,Paz,1,1999-03-17,1', ...lines.slice(1)])),
          1,
          /agency 1: the 400 rows are not/,
        );
        await expectFailure(check(text([...lines, lines[0]!])), 1, /agency 1: 401 bets, and the record has 400/);
        await expectFailure(check(text(lines.slice(1))), 1, /agency 1: 399 bets, and the record has 400/);
        await expectFailure(check(text([...lines.slice(1), lines[0]!])), 1, /not in their order/);
        await expectFailure(check(text([...lines.slice(0, 9), 'nonsense'])), 1, /agency-1\.csv:10: /);
        await expectFailure(check(text(lines), '2'), 1, /agency 2: the 400 rows are not/);
        await expectFailure(check(text(lines), '9'), 1, /agency 9: 400 bets, and the record does not have this agency/);
      });
    });
  });

  describe('of a store in PostgreSQL', () => {
    let harness: PostgresHarness;
    let settings: Record<string, string>;

    beforeEach(async function () {
      harness = await createPostgresHarness(this);
      settings = { SERVER_STORE: 'postgres', SERVER_DATABASE_URL: harness.url };
      await holdDraw(harness, ROWS, keys.privateFile);
    });

    it('finds the bets and winners of the record, and each change of them', async () => {
      const good = await verify(settings);
      expect([good.code, good.stderr]).to.deep.equal([0, '']);
      expect(good.stdout).to.match(GOOD);
      await harness.run(`INSERT INTO winners VALUES (1, 2, 1, '7')`);
      await expectFailure(verify(settings), 1, /agency 2: \d+ stored winners, and \d+ in the record \(row 1 differs\)/);
      await harness.run(`DELETE FROM winners WHERE draw = 1 AND agency = 2 AND seq = 1`);
      await harness.run(`UPDATE draws SET winning_number = 7`);
      await expectFailure(verify(settings), 1, /the draw of the store has the number 7 and 3 agencies/);
      await harness.run(
        `UPDATE draws SET winning_number = 7574; UPDATE agencies SET finish_digest = repeat('0', 64) WHERE agency = 3`,
      );
      await expectFailure(verify(settings), 1, /agency 3: the stored finish is of other bets/);
      await harness.run(`UPDATE agencies SET finish_digest = NULL`);
      await harness.run(`UPDATE bets SET first_name = 'Eva' WHERE agency = 1 AND seq = 5`);
      await expectFailure(verify(settings, '--draw', '1'), 1, /agency 1: the 400 rows are not those of the record/);
      await harness.run(
        `DELETE FROM bets WHERE agency = 1 AND seq = 400; UPDATE agencies SET stored = 399, finished_with = 399 WHERE agency = 1`,
      );
      await expectFailure(verify(settings), 1, /agency 1: 399 bets, and the record has 400/);
    });
  });
});
