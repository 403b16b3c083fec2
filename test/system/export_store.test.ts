import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readBetBatch } from '../../apps/protocol/bet_batch';
import { App, DIST } from '../support/app';
import { runCommand } from '../support/command';
import { eventually } from '../support/eventually';
import { generateBets, storedRow } from '../support/generated_bets';
import { LotterySandbox } from '../support/lottery_sandbox';
import { hasOpenedStore } from '../support/open_store';
import { OutputPipe } from '../support/output_pipe';
import { rowsByAgency } from '../support/piece_text';
import { createFileHarness, createPostgresHarness, type StoreHarness } from '../support/store_harness';

const ROOT = join(__dirname, '../..');
const PROGRAM = join(DIST, 'apps/server/export_store.js');

/** More than a pipe and a page of an export have room for. */
const ROWS = [1, 2].map((agency) => generateBets(agency, 15_000).map((bet) => storedRow(agency, bet)));

type Settings = Readonly<Record<string, string>>;
type Harness = StoreHarness & { readonly settings: Settings };

const HARNESSES: [string, (context: Mocha.Context) => Promise<Harness>][] = [
  [
    'files',
    async () => {
      const harness = await createFileHarness();
      return { ...harness, settings: { SERVER_DATA_DIR: harness.directory } };
    },
  ],
  [
    'PostgreSQL',
    async (context) => {
      const harness = await createPostgresHarness(context);
      return { ...harness, settings: { SERVER_STORE: 'postgres', SERVER_DATABASE_URL: harness.url } };
    },
  ],
];

for (const [name, createHarness] of HARNESSES) {
  describe(`the export of a store in ${name}, by the program`, function () {
    this.timeout(60_000);
    let harness: Harness | undefined;
    let settings: Settings;
    let sandbox: LotterySandbox;

    before(async function () {
      harness = await createHarness(this);
      settings = { CONFIG_FILE: '/dev/null', ...harness.settings };
      const store = await harness.open();
      const claims = await Promise.all([1, 2].map((agency) => store.bets.claim(agency)));
      for (let after = 0; after < ROWS[0]!.length; after += 100) {
        const batches = ROWS.map((rows) =>
          readBetBatch(Buffer.from(rows.slice(after, after + 100).join('\n')), undefined),
        );
        await Promise.all(claims.map((claim, index) => store.bets.append(claim, batches[index]!, after)));
      }
      await store.close();
    });

    after(async () => {
      await harness?.remove();
    });

    beforeEach(async () => {
      sandbox = await LotterySandbox.create();
    });

    afterEach(async () => {
      await sandbox.dispose();
    });

    const expectAllRows = (text: string): void => {
      expect(rowsByAgency(text)).to.deep.equal(new Map(ROWS.map((rows, index) => [index + 1, rows])));
    };

    it('has all rows, in a pipe and in a file', async () => {
      const app = new App('exportStore', { cwd: sandbox.directory, env: settings });
      expect((await app.end()).code, app.stderr).to.equal(0);
      expect(app.stderr).to.equal('');
      expectAllRows(app.stdout);

      const stdout = openSync(sandbox.path('bets.csv'), 'w');
      const toFile = new App('exportStore', { cwd: sandbox.directory, env: settings, stdout });
      closeSync(stdout);
      expect((await toFile.end()).code, toFile.stderr).to.equal(0);
      expect((await readFile(sandbox.path('bets.csv'), 'utf8')) === app.stdout).to.equal(true);
    });

    it('has the rows only by make -s, without the words of make', async () => {
      // The build is there, and other tests use it.
      const args = ['-s', '-o', 'build', 'export-store'];
      const { code, stdout, stderr } = await runCommand('make', args, { cwd: ROOT, env: settings });
      expect([code, stderr]).to.deep.equal([0, '']);
      expectAllRows(stdout);
    });

    it('ends with exit code 1 and one line if its reader stops reading', async () => {
      const script = `"$0" "$1" | head -n 2; echo "exit \${PIPESTATUS[0]}"`;
      const { stdout, stderr } = await runCommand('bash', ['-c', script, process.execPath, PROGRAM], { env: settings });
      const [first, second, code] = stdout.split('\n');
      expect([first, second, code]).to.deep.equal([ROWS[0]![0], first === ROWS[0]![0] ? second : '', 'exit 1']);
      expect(stderr).to.equal('lottery-export-store: the reader has closed the output before its end\n');
    });

    it('ends with exit code 1 and one line on a full disk', async () => {
      const stdout = openSync('/dev/full', 'w');
      const app = new App('exportStore', { cwd: sandbox.directory, env: settings, stdout });
      closeSync(stdout);
      expect((await app.end()).code).to.equal(1);
      expect(app.stderr).to.match(/^lottery-export-store: the output cannot be written: ENOSPC[^\n]+\n$/);
    });

    it('waits for a slow reader, and stops while it waits', async () => {
      const pipe = new OutputPipe(sandbox.path('output'));
      try {
        await pipe.clog();
        const [waiting, stopped] = [0, 1].map(
          () => new App('exportStore', { cwd: sandbox.directory, env: settings, stdout: pipe.writeEnd }),
        );
        pipe.releaseWriteEnd();
        await eventually('the work of the program', () => hasOpenedStore(stopped!.pid), 20_000);
        const { code, ms } = await stopped!.stop('SIGTERM');
        expect(code).to.equal(1);
        expect(ms).to.be.below(2_000);
        expect(stopped!.stderr).to.match(/^lottery-export-store: stopped before the end[^\n]*\n$/);

        const text = await pipe.drain();
        expect((await waiting!.end()).code, waiting!.stderr).to.equal(0);
        expectAllRows(text);
      } finally {
        pipe.dispose();
      }
    });
  });
}
