import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type CommandResult, runCommand } from '../support/command';
import { formatBets, generateBets, storedRow, winnersAmong } from '../support/generated_bets';
import { LotterySandbox } from '../support/lottery_sandbox';

const AGENCY = join(__dirname, '../../examples/agency.py');

const hasPython = spawnSync('python3', ['--version']).status === 0;
const reason = hasPython ? '' : ' (skipped: no python3)';

describe(`the agency in Python${reason}`, function () {
  this.timeout(20_000);
  let sandbox: LotterySandbox;

  beforeEach(async function () {
    if (!hasPython) this.skip();
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    if (hasPython) await sandbox.dispose();
  });

  const run = (port: number, id: number): Promise<CommandResult> =>
    runCommand('python3', [AGENCY, '127.0.0.1', String(port), String(id), sandbox.path(`agency-${id}.csv`)], {
      timeoutMs: 15_000,
    });

  it('uploads beside a client, and prints its winners', async () => {
    const bets = [1, 2].map((agency) => generateBets(agency, 1500, 100));
    await sandbox.write('agency-1.csv', `\ufeff${formatBets(bets[0]!, '\r\n')}`);
    await sandbox.write('agency-2.csv', formatBets(bets[1]!));
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '2' });
    const ours = sandbox.startClient(port, 2);
    const { code, stdout, stderr } = await run(port, 1);
    expect(code, stderr).to.equal(0);
    expect(stdout.trimEnd().split('\n')).to.deep.equal(winnersAmong(bets[0]!));
    expect((await ours.end()).code, ours.stdout).to.equal(0);
    const rows = bets.flatMap((list, index) => list.map((bet) => storedRow(index + 1, bet)));
    expect(await sandbox.storedRows()).to.deep.equal(rows.sort());
  });

  it('continues after the stored bets, and prints the error of a refused batch', async () => {
    const bets = generateBets(1, 300);
    await sandbox.write('agency-1.csv', `${formatBets(bets.slice(0, 200))}nonsense\n`);
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
    const refused = await run(port, 1);
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.match(/^bad-bet: row \d+: /);
    await sandbox.write('agency-1.csv', formatBets(bets));
    expect((await run(port, 1)).code).to.equal(0);
    expect(await sandbox.storedRows()).to.deep.equal(bets.map((bet) => storedRow(1, bet)).sort());
  });
});
