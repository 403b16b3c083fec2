import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { App } from '../support/app';
import { eventually } from '../support/eventually';
import { formatBets, generateBets, storedRow, winnersAmong } from '../support/generated_bets';
import { LotterySandbox } from '../support/lottery_sandbox';

describe('the whole lottery with one command', function () {
  this.timeout(40_000);
  let sandbox: LotterySandbox;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  const run = (...args: string[]): App => new App('run', { cwd: sandbox.directory, args });
  const makeData = (...args: string[]): App => new App('data', { cwd: sandbox.directory, args });

  /** The rows of the printed table, by agency: bets, winners, documents. */
  function tableOf(output: string): Record<string, string[]> {
    const rows = output.split('\n').flatMap((line) => {
      const cells = line.split('│').map((cell) => cell.trim());
      return /^\d+$/.test(cells[1] ?? '') ? [[cells[1]!, cells.slice(2, 5)] as const] : [];
    });
    return Object.fromEntries(rows);
  }

  /** Resolves once the log of a program of the run matches the pattern. */
  async function logContains(name: string, pattern: RegExp, deadlineMs: number): Promise<void> {
    const file = sandbox.path(`.data/run/${name}.log`);
    const matches = async (): Promise<boolean> => pattern.test(await readFile(file, 'utf8').catch(() => ''));
    await eventually(`${name} logs ${pattern}`, matches, deadlineMs);
  }

  const storedRows = async (): Promise<string[]> =>
    (await readFile(sandbox.path('.data/run/store/bets.csv'), 'utf8')).split('\n').slice(0, -1).sort();

  it('runs by TLS, with certificates of its own', async () => {
    const app = run('--agencies', '2', '--bets', '300', '--tls');
    expect((await app.end(30_000)).code, app.stdout + app.stderr).to.equal(0);
    const url = /^status page: (https:.*)$/m.exec(app.stdout)![1];
    expect(await readFile(sandbox.path('.data/run/server.log'), 'utf8')).to.include(
      `action: status_page | result: success | url: ${url}\n`,
    );
    const rows: string[] = [];
    for (const agency of ['1', '2']) {
      const text = await readFile(sandbox.path(`.data/agency-${agency}.csv`), 'utf8');
      rows.push(
        ...text
          .trimEnd()
          .split('\n')
          .map((row) => `${agency},${row}`),
      );
    }
    expect(await storedRows()).to.deep.equal(rows.sort());
    const certificates = await readdir(sandbox.path('.data/run/certificates'));
    expect(certificates).to.include.members(['server.pem', 'agency-1.pem', 'agency-2.key.pem']);
  });

  it('makes missing sample data, and prints the winners of each agency', async () => {
    const app = run('--agencies', '3', '--bets', '2000');
    expect((await app.end(30_000)).code, app.stdout + app.stderr).to.equal(0);
    expect(app.stderr).to.equal('');
    const expected: Record<string, string[]> = {};
    const rows: string[] = [];
    for (const agency of ['1', '2', '3']) {
      const text = await readFile(sandbox.path(`.data/agency-${agency}.csv`), 'utf8');
      const bets = text.trimEnd().split('\n');
      const winners = bets.filter((row) => row.endsWith(',7574')).map((row) => row.split(',')[2]!);
      expected[agency] = ['2000', String(winners.length), winners.join(' ')];
      rows.push(...bets.map((row) => `${agency},${row}`));
    }
    expect(tableOf(app.stdout)).to.deep.equal(expected);
    expect(app.stdout).to.match(/^6000 bets in \d+\.\d\d s/m);
    expect(await storedRows()).to.deep.equal(rows.sort());
  });

  it('makes its files readable for their owner only', async () => {
    const app = run('--agencies', '1', '--bets', '10');
    expect((await app.end(30_000)).code, app.stdout + app.stderr).to.equal(0);
    const names = ['', ...(await readdir(sandbox.path('.data/run'), { recursive: true }))].sort();
    const modes = await Promise.all(
      names.map(async (name) => [name, ((await stat(sandbox.path(`.data/run/${name}`))).mode & 0o777).toString(8)]),
    );
    expect(Object.fromEntries(modes)).to.deep.equal({
      '': '700',
      'agency-1.log': '600',
      'server.log': '600',
      store: '700',
      'store/bets.csv': '600',
      'store/bets.journal': '600',
      'store/bets.mark': '600',
      'store/draw.journal': '600',
      'store/finished.journal': '600',
    });
  });

  it('reads the files of a given directory, and begins with a fresh store each time', async () => {
    await mkdir(sandbox.path('mine'));
    for (const agency of [1, 2])
      await sandbox.write(`mine/agency-${agency}.csv`, formatBets(generateBets(agency, 1000, 50)));
    const rows = [1, 2].flatMap((agency) => generateBets(agency, 1000, 50).map((bet) => storedRow(agency, bet))).sort();
    for (let time = 0; time < 2; time++) {
      const app = run('--agencies', '2', '--data', 'mine');
      expect((await app.end(30_000)).code, app.stdout + app.stderr).to.equal(0);
      for (const agency of [1, 2]) {
        const winners = winnersAmong(generateBets(agency, 1000, 50));
        expect(tableOf(app.stdout)[agency]!.slice(0, 2)).to.deep.equal(['1000', String(winners.length)]);
      }
      expect(await storedRows()).to.deep.equal(rows);
    }
  });

  it('prints the whole result as one line of JSON for a script, and nothing else on stdout', async () => {
    const app = run('--agencies', '2', '--bets', '1000', '--json');
    expect((await app.end(30_000)).code, app.stderr).to.equal(0);
    const agencies = [];
    for (const agency of [1, 2]) {
      const rows = (await readFile(sandbox.path(`.data/agency-${agency}.csv`), 'utf8')).trimEnd().split('\n');
      const winners = rows.filter((row) => Number(row.split(',').at(-1)) === 7574).map((row) => row.split(',')[2]!);
      agencies.push({ agency, outcome: 'winners', bets: 1000, winners });
    }
    expect(app.lines).to.have.length(1);
    const { ms, ...result } = JSON.parse(app.stdout) as { ms: number };
    expect(ms).to.be.greaterThan(0);
    expect(result).to.deep.equal({
      outcome: 'done',
      bets: 2000,
      winners: agencies.flatMap(({ winners }) => winners).length,
      logs: '.data/run',
      agencies,
    });
    expect(app.stderr).to.match(/^status page: http:\/\/127\.0\.0\.1:\d+\/$/m);
  });

  it('ends with exit code 1 and the reason after the failure of an agency', async () => {
    await mkdir(sandbox.path('mine'));
    await sandbox.write('mine/agency-1.csv', 'Ana,Gómez,1,1999-03-17,1\n');
    await sandbox.write('mine/agency-2.csv', 'Ana,Gómez,1,1999-03-17,1\nAna,Gómez,x,1999-03-17,1\n');
    const app = run('--agencies', '2', '--data', 'mine');
    // Agency 2 fails, so the draw is not held and agency 1 waits until the stop of the run.
    await app.line(/agency 2: .*failed \(1\)/);
    app.signal('SIGTERM');
    await app.end();
    const log = await readFile(sandbox.path('.data/run/agency-2.log'), 'utf8');
    expect(log).to.match(/mine\/agency-2\.csv:2: document is not/);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`stops orderly at ${signal}`, async () => {
      await mkdir(sandbox.path('mine'));
      for (const agency of [1, 2]) {
        await sandbox.write(`mine/agency-${agency}.csv`, formatBets(generateBets(agency, 60_000)));
      }
      const app = run('--agencies', '2', '--data', 'mine');
      // Both uploads have begun. Before that, the signal itself would end a starting process.
      for (const agency of [1, 2]) {
        const stored = new RegExp(`action: apuesta_recibida \\| result: success \\| agency: ${agency} `);
        await logContains('server', stored, 30_000);
      }
      const { code, ms } = await app.stop(signal);
      expect(code, app.stderr).to.equal(0);
      expect(ms).to.be.below(3500);
      expect(app.lines.at(-1)).to.equal('stopped');
      for (const name of ['server', 'agency-1', 'agency-2']) {
        const log = await readFile(sandbox.path(`.data/run/${name}.log`), 'utf8');
        expect(log, name).to.match(/action: exit \| result: success\n$/);
      }
    });
  }

  it('reports a missing file, and ends with exit code 1', async () => {
    await mkdir(sandbox.path('mine'));
    const app = run('--agencies', '1', '--data', 'mine');
    expect((await app.end()).code).to.equal(1);
    expect(app.stderr).to.match(/^run: mine\/agency-1\.csv cannot be read: [^\n]*\n$/);
  });

  for (const args of [
    ['--agencies', '0'],
    ['--agencies', 'x'],
    ['--bets', '-1'],
    ['--bets', '1.5'],
    ['--nonsense'],
    ['more'],
  ]) {
    it(`${args.join(' ')} is one clear line and exit code 2, for both tools`, async () => {
      for (const app of [run(...args), makeData(...args)]) {
        expect((await app.end()).code).to.equal(2);
        expect(app.stderr).to.match(/^(?:run|data): [^\n]+\n$/);
      }
    });
  }

  describe('sample data', () => {
    it('is the same for any number of agencies and bets', async () => {
      expect((await makeData('--agencies', '2', '--bets', '50').end()).code).to.equal(0);
      const second = await readFile(sandbox.path('.data/agency-2.csv'), 'utf8');
      await rm(sandbox.path('.data'), { recursive: true });
      expect((await makeData('--agencies', '3', '--bets', '60').end()).code).to.equal(0);
      const again = await readFile(sandbox.path('.data/agency-2.csv'), 'utf8');
      expect(again.split('\n').slice(0, 50)).to.deep.equal(second.split('\n').slice(0, 50));
      expect(again).not.to.equal(await readFile(sandbox.path('.data/agency-3.csv'), 'utf8'));
      expect(again.split('\n')).to.have.length(61);
    });

    it('replaces its own unchanged files', async () => {
      await makeData('--agencies', '1', '--bets', '10').end();
      const app = makeData('--agencies', '1', '--bets', '20');
      expect((await app.end()).code).to.equal(0);
      expect((await readFile(sandbox.path('.data/agency-1.csv'), 'utf8')).split('\n')).to.have.length(21);
    });

    it('does not overwrite foreign or changed files', async () => {
      await makeData('--agencies', '1', '--bets', '10').end();
      await sandbox.write('.data/agency-1.csv', 'mine\n');
      await sandbox.write('.data/agency-2.csv', 'mine too\n');
      for (const agencies of ['1', '2']) {
        const app = makeData('--agencies', agencies, '--bets', '10');
        expect((await app.end()).code).to.equal(1);
        expect(app.stderr).to.match(/^data: .*agency-1\.csv is no sample data of ours[^\n]*\n$/);
      }
      expect(await readFile(sandbox.path('.data/agency-1.csv'), 'utf8')).to.equal('mine\n');
      expect(await readFile(sandbox.path('.data/agency-2.csv'), 'utf8')).to.equal('mine too\n');
    });

    it('is refused if a pipe is at the path of a file', async () => {
      await mkdir(sandbox.path('.data'));
      execFileSync('mkfifo', [sandbox.path('.data/agency-1.csv')]);
      const app = makeData('--agencies', '1', '--bets', '10');
      expect((await app.end()).code).to.equal(1);
      expect(app.stderr).to.match(/^data: .*agency-1\.csv is no sample data of ours[^\n]*\n$/);
    });

    it('does not overwrite existing files during a run', async () => {
      await mkdir(sandbox.path('.data'));
      await sandbox.write('.data/agency-1.csv', 'Ana,Gómez,1,1999-03-17,1\n');
      const app = run('--agencies', '2', '--bets', '10');
      expect((await app.end(20_000)).code, app.stderr).to.equal(0);
      expect(await readFile(sandbox.path('.data/agency-1.csv'), 'utf8')).to.equal('Ana,Gómez,1,1999-03-17,1\n');
      expect(tableOf(app.stdout)['1']!.slice(0, 2)).to.deep.equal(['1', '0']);
      expect(tableOf(app.stdout)['2']![0]).to.equal('10');
    });
  });
});
