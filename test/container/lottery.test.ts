import { expect } from 'chai';
import { parse } from 'papaparse';

import { outputOf } from '../support/command';
import { ComposeStack, engineAnswers } from '../support/compose_stack';
import { addressIn, connectionsFrom, requireConfined, requireLimits } from '../support/confinement';
import { requireOwnParts } from '../support/image_parts';

const AGENCIES = [1, 2, 3, 4, 5];
const CLIENTS = AGENCIES.map((id) => `client${id}`);
const WINNING_NUMBER = 7574;
const NUMBER_FIELD = 4;
const LAST_LINE = /action: exit \| result: success$/;

/** The tests follow one system from the first `up` to the last `down`. Each continues from the previous one. */
describe('the lottery in containers', function () {
  this.timeout(600_000);
  let stack: ComposeStack;
  let stored = '';
  let broken = false;

  before(async function () {
    if (!(await engineAnswers())) this.skip();
    stack = await ComposeStack.create();
  });

  after(async () => {
    await (stack as ComposeStack | undefined)?.dispose();
  });

  beforeEach(function () {
    if (broken) this.skip();
  });

  afterEach(function () {
    broken ||= this.currentTest?.state === 'failed';
  });

  it('makes its sample data, images and compose file, and starts', async () => {
    await stack.make('docker-compose-up', `AGENCIES=${AGENCIES.length}`);
    const services = (await stack.compose('config', '--services')).trim().split('\n');
    expect(services).to.have.members(['server', 'echo', ...CLIENTS]);
  });

  it('has images with a numeric user, labels, licences and a bill of materials, and without package managers', async () => {
    for (const image of ['server', 'client', 'echo']) await requireOwnParts(`${image}:latest`, `lottery-${image}`);
  });

  it('ends every agency with exit code 0 and the number of winners in its data', async () => {
    let total = 0;
    for (const agency of AGENCIES) {
      const client = `client${agency}`;
      expect(await stack.exitCodeOf(client), client).to.equal(0);
      const winners = (await stack.betsOf(agency)).filter((bet) => Number(bet[NUMBER_FIELD]) === WINNING_NUMBER).length;
      const log = await stack.logsOf(client);
      expect(log).to.match(
        new RegExp(`action: consulta_ganadores \\| result: success \\| cant_ganadores: ${winners}\\b`),
      );
      expect(log.trimEnd()).to.match(LAST_LINE);
      total += winners;
    }
    expect(total, 'winners in the sample data').to.be.greaterThan(0);
  });

  it('stores exactly the bets of the files, each once', async () => {
    const expected: string[][] = [];
    for (const agency of AGENCIES)
      expected.push(...(await stack.betsOf(agency)).map((bet) => [String(agency), ...bet]));
    stored = await storedBets();
    expect(sorted(rowsOf(stored))).to.deep.equal(sorted(expected));
  });

  it('has the limits of the compose file in every container', async () => {
    await requireLimits(stack, ['server', 'echo', ...CLIENTS]);
  });

  it('has no capability and a read-only root in every image, under a user that is not root', async () => {
    for (const service of ['echo', 'client1', 'server']) await requireConfined(stack, service);
  });

  it('has a status port that no client can reach, by no name and no address', async () => {
    const [bets, status] = [
      await addressIn(stack, 'server', 'testing_net'),
      await addressIn(stack, 'server', 'status_net'),
    ];
    const open = [`server:12345`, `${bets}:12345`];
    const closed = ['server:8080', 'server-status:8080', `${bets}:8080`, `${status}:8080`];
    const results = await connectionsFrom(stack, 'client1', [...open, ...closed]);
    for (const address of open) expect(results[address], address).to.equal('connected');
    for (const address of closed) expect(results[address], address).not.to.equal('connected');
    // The names and the address are right: in the network of the status side, they lead to the status port.
    const inside = ['server:8080', 'server-status:8080', `${status}:8080`];
    expect(await connectionsFrom(stack, 'server', inside)).to.deep.equal({
      'server:8080': 'connected',
      'server-status:8080': 'connected',
      [`${status}:8080`]: 'connected',
    });
  });

  it('uses a changed ini file after a restart, in the same container and image', async () => {
    const before = await stack.compose('ps', '--quiet', 'server');
    expect(await stack.logsOf('server')).not.to.match(/ DEBUG /);
    await stack.edit(
      'config/server.ini',
      (ini) => `${ini.replace(/^\s*LOGGING_LEVEL\s*=.*$/m, '')}\nLOGGING_LEVEL = DEBUG\n`,
    );
    await stack.compose('restart', '--timeout', '3', 'server');
    await stack.awaitLog('server', / DEBUG +action: config \| result: success/);
    expect(await stack.compose('ps', '--quiet', 'server')).to.equal(before);
  });

  it('keeps its bets over that restart', async () => {
    expect(await storedBets()).to.equal(stored);
  });

  it('echoes to netcat, with --check and line by line', async () => {
    expect(await stack.netcat(['--check'])).to.deep.equal({
      code: 0,
      stdout: 'action: test_echo_server | result: success\n',
      stderr: '',
    });
    const talk = await stack.netcat([], 'hello\nañ €\n');
    expect(talk).to.deep.equal({ code: 0, stdout: 'hello\nañ €\n', stderr: '' });
  });

  it('fails the check of a stopped echo service', async () => {
    await stack.compose('stop', '--timeout', '3', 'echo');
    const check = await stack.netcat(['--check']);
    expect(check).to.include({ code: 1, stdout: 'action: test_echo_server | result: fail\n' });
    await stack.compose('start', 'echo');
  });

  it('ends every container with exit code 0 at a stop', async () => {
    await stack.compose('stop', '--timeout', '3');
    await expectGoodEnds();
  });

  it('has no containers after make docker-compose-down, and the same bets after the next up', async () => {
    await stack.make('docker-compose-down');
    expect(await stack.compose('ps', '--all', '--quiet')).to.equal('');
    await stack.make('docker-compose-up');
    for (const client of CLIENTS) expect(await stack.exitCodeOf(client), client).to.equal(0);
    expect(await storedBets()).to.equal(stored);
  });

  it('serves a restored backup of its running server, by the documented commands', async () => {
    const backup = await stack.compose('exec', '--no-TTY', 'server', 'node', 'backup_store.js');
    await stack.make('docker-compose-clean');
    const run = ['run', '--rm', '--no-deps', '-T', '--entrypoint', 'tar', 'server', '-x', '-C', 'data'];
    const args = ['compose', '-f', 'docker-compose-dev.yaml', ...run];
    await outputOf('docker', args, { cwd: stack.directory, input: backup });
    await stack.make('docker-compose-up');
    for (const client of CLIENTS) expect(await stack.exitCodeOf(client), client).to.equal(0);
    expect(await storedBets()).to.equal(stored);
    expect(await stack.logsOf('server')).not.to.match(/apuesta_recibida|recover_bets/);
  });

  it('ends every container with exit code 0 at a stop during the wait for the draw', async () => {
    await stack.make('docker-compose-clean');
    await stack.edit('docker-compose-dev.yaml', (text) => text.replace(/SERVER_AGENCIES: .*/, "SERVER_AGENCIES: '6'"));
    await stack.make('docker-compose-up');
    for (const client of CLIENTS) await stack.awaitLog(client, /action: upload \| result: success/);
    await stack.compose('stop', '--timeout', '3');
    await expectGoodEnds();
    for (const client of CLIENTS) expect(await stack.logsOf(client)).not.to.match(/cant_ganadores/);
  });

  it('does not restart a failed client', async () => {
    await stack.make('docker-compose-clean');
    await stack.edit('.data/agency-1.csv', (csv) => csv.replace(/[^\n]*\n/, 'no bet\n'));
    await stack.compose('up', '--detach', 'client1');
    expect(await stack.exitCodeOf('client1')).to.equal(1);
    expect(await stack.restartsOf('client1')).to.equal(0);
    expect(await stack.logsOf('client1')).to.match(/agency-1\.csv/);
  });

  async function expectGoodEnds(): Promise<void> {
    const services = ['server', 'echo', ...CLIENTS];
    expect(await stack.exitCodes()).to.deep.equal(Object.fromEntries(services.map((service) => [service, 0])));
    for (const service of services) expect((await stack.logsOf(service)).trimEnd(), service).to.match(LAST_LINE);
  }

  function storedBets(): Promise<string> {
    return stack.compose('exec', '--no-TTY', 'server', 'cat', 'data/bets.csv');
  }
});

function rowsOf(csv: string): string[][] {
  return parse<string[]>(csv.trimEnd()).data;
}

function sorted(rows: string[][]): string[] {
  return rows.map((row) => JSON.stringify(row)).sort();
}
