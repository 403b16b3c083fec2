import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readBetBatch } from '../../apps/protocol/bet_batch';
import { App, DIST } from '../support/app';
import { outputOf, runCommand } from '../support/command';
import { eventually } from '../support/eventually';
import { generateBets, storedRow } from '../support/generated_bets';
import { LotterySandbox } from '../support/lottery_sandbox';
import { hasOpenedStore } from '../support/open_store';
import { OutputPipe } from '../support/output_pipe';
import { createFileHarness, type StoreHarness } from '../support/store_harness';

const ROOT = join(__dirname, '../..');
const PROGRAM = join(DIST, 'apps/server/backup_store.js');
const FILES = ['bets.csv', 'bets.journal', 'bets.mark', 'draw.journal', 'finished.journal'];

/** More than a pipe has room for. */
const ROWS = [1, 2].map((agency) => generateBets(agency, 15_000).map((bet) => storedRow(agency, bet)));

describe('the backup of a store in files, by the program', function () {
  this.timeout(60_000);
  let harness: StoreHarness & { readonly directory: string };
  let settings: Record<string, string>;
  let sandbox: LotterySandbox;

  before(async () => {
    harness = await createFileHarness();
    settings = { CONFIG_FILE: '/dev/null', SERVER_DATA_DIR: harness.directory };
    const store = await harness.open();
    for (const [index, rows] of ROWS.entries()) {
      const claim = await store.bets.claim(index + 1);
      for (let after = 0; after < rows.length; after += 100) {
        const batch = readBetBatch(Buffer.from(rows.slice(after, after + 100).join('\n')), undefined);
        await store.bets.append(claim, batch, after);
      }
    }
    await store.close();
  });

  after(() => harness.remove());

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
  });

  afterEach(() => sandbox.dispose());

  async function contentOf(directory: string): Promise<Record<string, Buffer>> {
    const names = (await readdir(directory)).sort();
    expect(names).to.deep.equal(FILES);
    return Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, await readFile(join(directory, name))] as const)),
    );
  }

  /** After a stop in good order, a backup is the store. */
  async function expectSame(directory: string): Promise<void> {
    const { 'bets.mark': mark, ...rest } = await contentOf(directory);
    const { 'bets.mark': slots, ...stored } = await contentOf(harness.directory);
    expect(rest).to.deep.equal(stored);
    // The store has its last two ends, the backup has the last one twice.
    const [end] = slots!
      .toString()
      .trimEnd()
      .split('\n')
      .sort((one, other) => other.slice(9).localeCompare(one.slice(9)));
    expect(mark!.toString()).to.equal(`${end}\n${end}\n`);
  }

  const backUp = (args: string[], env: Record<string, string> = settings, stdout?: number): App =>
    new App('backup', { cwd: sandbox.directory, env, args, ...(stdout === undefined ? {} : { stdout }) });

  async function expectRefusal(app: App, code: number, message: RegExp): Promise<void> {
    expect((await app.end()).code, app.stderr).to.equal(code);
    expect(app.stderr)
      .to.match(message)
      .and.to.match(/^lottery-backup: [^\n]+\n$/);
    expect(app.stdout).to.equal('');
  }

  it('writes the files into a new directory that only its owner can read', async () => {
    const app = backUp(['--to', 'copy/']);
    expect((await app.end()).code, app.stderr).to.equal(0);
    expect(app.stdout).to.equal(`the store of ${harness.directory} is in copy/: 30000 bets of 2 agencies\n`);
    await expectSame(sandbox.path('copy'));
    const modeOf = async (name: string) => ((await stat(sandbox.path(name))).mode & 0o777).toString(8);
    expect(await modeOf('copy')).to.equal('700');
    for (const name of FILES) expect(await modeOf(`copy/${name}`), name).to.equal('600');
    expect(await readdir(sandbox.directory)).not.to.include('copy.incomplete');
  });

  it('writes an archive to a pipe and to a file, and a foreign tar restores it', async () => {
    const stdout = openSync(sandbox.path('backup.tar'), 'w');
    const app = backUp([], settings, stdout);
    closeSync(stdout);
    expect((await app.end()).code, app.stderr).to.equal(0);
    expect(app.stderr).to.equal('');
    const list = await outputOf('tar', ['-t', '-v', '-f', sandbox.path('backup.tar')]);
    expect(list.trimEnd().split('\n')).to.have.length(FILES.length);
    for (const line of list.trimEnd().split('\n')) expect(line).to.match(/^-rw------- /);

    await mkdir(sandbox.path('file'));
    await outputOf('tar', ['-x', '-f', sandbox.path('backup.tar'), '-C', sandbox.path('file')]);
    await expectSame(sandbox.path('file'));

    await mkdir(sandbox.path('pipe'));
    const script = `set -o pipefail; "$0" "$1" | tar -x -C "$2"`;
    await outputOf('bash', ['-c', script, process.execPath, PROGRAM, sandbox.path('pipe')], { env: settings });
    await expectSame(sandbox.path('pipe'));
  });

  it('is made by make backup, with TO and without', async () => {
    // The build is there, and other tests use it.
    const make = (...args: string[]) => ['-s', '-o', 'build', '-C', ROOT, 'backup', ...args];
    const to = sandbox.path('copy');
    const { code, stdout, stderr } = await runCommand('make', make(`TO=${to}`), { env: settings });
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    expect(stdout).to.equal(`the store of ${harness.directory} is in ${to}: 30000 bets of 2 agencies\n`);
    await expectSame(to);

    await mkdir(sandbox.path('archive'));
    const script = 'set -o pipefail; make "${@:2}" | tar -x -C "$1"';
    await outputOf('bash', ['-c', script, 'bash', sandbox.path('archive'), ...make()], { env: settings });
    await expectSame(sandbox.path('archive'));
  });

  it('is refused by a start if it has lost its end', async () => {
    expect((await backUp(['--to', 'copy']).end()).code).to.equal(0);
    for (const name of ['bets.csv', 'bets.journal']) {
      const file = sandbox.path(`copy/${name}`);
      const content = await readFile(file);
      await truncate(file, content.length - 1);
      const env = {
        CONFIG_FILE: '/dev/null',
        SERVER_DATA_DIR: sandbox.path('copy'),
        SERVER_PORT: '0',
        SERVER_AGENCIES: '2',
      };
      const server = new App('server', { cwd: sandbox.directory, env });
      expect((await server.end()).code, name).to.equal(1);
      expect(server.stdout).to.match(/open_store \| result: fail/);
      await writeFile(file, content);
    }
  });

  it('refuses a directory that exists, and the rest of an interrupted backup', async () => {
    await mkdir(sandbox.path('copy'));
    await expectRefusal(backUp(['--to', 'copy']), 2, /copy exists: a backup needs a new directory$/m);
    await rm(sandbox.path('copy'), { recursive: true });
    await mkdir(sandbox.path('copy.incomplete'));
    await expectRefusal(
      backUp(['--to', 'copy']),
      2,
      /copy\.incomplete is left from an earlier backup: remove it first$/m,
    );
    expect(await readdir(sandbox.path('copy.incomplete'))).to.deep.equal([]);
  });

  it('refuses an empty path, a directory without a store, a database, and a place that does not exist', async () => {
    await expectRefusal(backUp(['--to', '']), 2, /--to is empty/);
    const empty = { ...settings, SERVER_DATA_DIR: sandbox.directory };
    await expectRefusal(backUp([], empty), 2, /it holds no bets/);
    await expectRefusal(
      backUp([], { ...settings, SERVER_STORE: 'postgres', SERVER_DATABASE_URL: 'postgresql://db/lottery' }),
      2,
      /SERVER_STORE=postgres: pg_dump or the archived WAL is the backup of a database \(docs\/cluster\.md\)/,
    );
    await expectRefusal(backUp(['--to', 'no/such/copy']), 1, /the backup cannot be written to no\/such\/copy: ENOENT/);
  });

  it('refuses a damaged store before the first byte, and leaves nothing', async () => {
    const damaged = sandbox.path('damaged');
    expect((await backUp(['--to', damaged]).end()).code).to.equal(0);
    const csv = await readFile(join(damaged, 'bets.csv'));
    csv[1_000] = csv[1_000]! ^ 1;
    await writeFile(join(damaged, 'bets.csv'), csv);
    const env = { ...settings, SERVER_DATA_DIR: damaged };
    await expectRefusal(backUp([], env), 1, /bets\.csv: bytes \d+ to \d+ differ from the acknowledged ones/);
    await expectRefusal(backUp(['--to', 'copy'], env), 1, /differ from the acknowledged ones/);
    await rm(join(damaged, 'finished.journal'));
    await expectRefusal(backUp(['--to', 'copy'], env), 1, /missing: finished\.journal/);
    expect((await readdir(sandbox.directory)).filter((name) => name.startsWith('copy'))).to.deep.equal([]);
  });

  it('ends with exit code 1 and one line on a full disk, and if its reader stops reading', async () => {
    const stdout = openSync('/dev/full', 'w');
    const full = backUp([], settings, stdout);
    closeSync(stdout);
    await expectRefusal(full, 1, /the output cannot be written: ENOSPC/);

    const script = `"$0" "$1" | head -c 100 >/dev/null; echo "exit \${PIPESTATUS[0]}"`;
    const result = await runCommand('bash', ['-c', script, process.execPath, PROGRAM], { env: settings });
    expect(result.stdout).to.equal('exit 1\n');
    expect(result.stderr).to.equal('lottery-backup: the reader has closed the output before its end\n');
  });

  it('waits for a slow reader, and ends at a stop', async () => {
    const pipe = new OutputPipe(sandbox.path('output'));
    try {
      await pipe.clog();
      const app = new App('backup', { cwd: sandbox.directory, env: settings, stdout: pipe.writeEnd });
      pipe.releaseWriteEnd();
      await eventually('the work of the program', () => hasOpenedStore(app.pid), 20_000);
      const { code, ms } = await app.stop('SIGTERM');
      expect(code).to.equal(1);
      expect(ms).to.be.below(2_000);
    } finally {
      pipe.dispose();
    }
  });
});
