import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatBets, generateBets } from '../support/generated_bets';
import { LotterySandbox } from '../support/lottery_sandbox';

const DIST = process.env['LOTTERY_DIST'] ?? join(__dirname, '../../dist');
const AGENCIES = 2;
const BETS = 3_000;
/** The output to a terminal: as sent, and in lines. */
interface Drawn {
  readonly code: number | null;
  readonly text: string;
  readonly lines: readonly string[];
}

/** The begin of a control sequence (ECMA-48), such as a movement of the cursor. */
const ESCAPES = '\u001b[';

/** The reason why these tests cannot run. They need script(1) of util-linux, which gives a program a terminal. */
function whyNoTerminal(): string | undefined {
  return spawnSync('script', ['--version']).error === undefined ? undefined : 'no script (apt-get install bsdutils)';
}

describe('the output in a terminal', function () {
  this.timeout(60_000);
  let sandbox: LotterySandbox;

  before(function () {
    const reason = whyNoTerminal();
    if (reason === undefined) return;
    this.test!.title += ` (${reason})`;
    this.skip();
  });

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    for (let agency = 1; agency <= AGENCIES; agency++) {
      await sandbox.write(`agency-${agency}.csv`, formatBets(generateBets(agency, BETS, 50)));
    }
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  /** Runs the lottery in a terminal with this number of columns. */
  function runIn(columns: number, ...args: string[]): Drawn {
    return drawIn(columns, ['tools/run_lottery.js', '--agencies', String(AGENCIES), '--data', '.', ...args]);
  }

  function drawIn(columns: number, [program, ...args]: readonly string[], env: Record<string, string> = {}): Drawn {
    const command = [process.execPath, join(DIST, program!), ...args].map((word) => `'${word}'`).join(' ');
    const { PATH } = process.env;
    const { status, stdout } = spawnSync('script', ['-qec', `stty cols ${columns} rows 24; ${command}`, '/dev/null'], {
      cwd: sandbox.directory,
      env: { PATH, TERM: 'xterm', SHELL: '/bin/sh', ...env },
      encoding: 'utf8',
    });
    // eslint-disable-next-line no-control-regex
    return { code: status, text: stdout, lines: stdout.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, '\n').split(/[\r\n]+/) };
  }

  for (const columns of [80, 40]) {
    it(`has a bar for each agency and a table of the winners, in at most ${columns} columns`, () => {
      const { code, text, lines } = runIn(columns);
      expect(code, text).to.equal(0);
      for (let agency = 1; agency <= AGENCIES; agency++) {
        const last = lines.filter((line) => line.startsWith(`agency ${agency} `)).at(-1);
        expect(last).to.match(/^agency \d █+ 100% (?:3,000 bets, )?has its winners$/);
      }
      const drawn = lines.filter((line) => /[█░│─]/.test(line));
      expect(drawn.length).to.be.greaterThan(8);
      for (const line of drawn) expect(line.length, line).to.be.at.most(columns);
      // The hidden cursor is shown again.
      expect(text.lastIndexOf('\u001b[?25h')).to.be.greaterThan(text.lastIndexOf('\u001b[?25l'));
    });
  }

  for (const columns of [80, 40]) {
    it(`has the bar of a client below its log, with complete lines, in ${columns} columns`, async () => {
      const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
      const { code, text, lines } = drawIn(columns, ['apps/client/main.js'], {
        CLI_ID: '1',
        CLI_SERVER_ADDRESS: `127.0.0.1:${port}`,
        CLI_DATA_FILE: sandbox.path('agency-{id}.csv'),
      });
      expect(code, text).to.equal(0);
      const bars = lines.filter((line) => line.startsWith('agency 1 '));
      expect(bars.at(-1)).to.match(/^agency 1 █+ 100% 3,000(?: bets)?, \d+ winners$/);
      for (const line of bars) expect(line.length, line).to.be.below(columns);
      const actions = lines.flatMap((line) => /action: (\w+) \| result: \w+/.exec(line)?.[1] ?? []);
      expect(actions).to.deep.equal(['config', 'upload', 'close_file', 'upload', 'consulta_ganadores', 'exit']);
      const file = lines.find((line) => line.includes('action: close_file'));
      expect(file).to.match(/file: \S+agency-1\.csv$/);
      // A terminal that does not wrap would cut the log's lines.
      expect(text).not.to.contain(`${ESCAPES}?7l`);
    });
  }

  it('has escapes for the invisible characters of a file name, above the bar of a client', async () => {
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
    const file = await sandbox.write('a\u001b[2J\u009b31m\u202eb\u2028\u200b\n.csv', formatBets(generateBets(1, 3)));
    const { code, text } = drawIn(200, ['apps/client/main.js'], {
      CLI_SERVER_ADDRESS: `127.0.0.1:${port}`,
      CLI_DATA_FILE: file,
    });
    expect(code, text).to.equal(0);
    expect(text).to.contain('a\\u001b[2J\\u009b31m\\u202eb\\u2028\\u200b\\u000a.csv');
    for (const raw of [`${ESCAPES}2J`, '\u009b', '\u202e', '\u2028', '\u200b']) expect(text).not.to.contain(raw);
  });

  it('is only the result with --json', () => {
    const { code, text, lines } = runIn(80, '--json');
    expect(code, text).to.equal(0);
    expect(text).not.to.contain(ESCAPES);
    expect(lines.filter((line) => line !== '' && !line.startsWith('status page: '))).to.have.length(1);
  });

  it('has no bars and no table without a terminal', async () => {
    const { status, stdout } = spawnSync(
      process.execPath,
      [join(DIST, 'tools/run_lottery.js'), '--agencies', String(AGENCIES), '--data', '.'],
      { cwd: sandbox.directory, env: { PATH: process.env['PATH'] }, encoding: 'utf8' },
    );
    expect(status).to.equal(0);
    expect(stdout).not.to.match(/[\r█░]/);
    expect(stdout).not.to.contain(ESCAPES);
    expect(stdout).to.match(/^agency 1: 3000\/3000 bets, has its winners$/m);
  });
});
