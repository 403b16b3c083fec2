import { expect } from 'chai';
import { parseDocument } from 'yaml';

import { outputOf, runCommand } from '../support/command';
import { ComposeStack, engineAnswers } from '../support/compose_stack';
import { addressIn, connectionsFrom, requireConfined, requireLimits } from '../support/confinement';
import { postgresImageIsThere, StackDatabase } from '../support/stack_database';

const AGENCIES = [1, 2, 3, 4, 5];
const CLIENTS = AGENCIES.map((id) => `client${id}`);
const SERVERS = ['server1', 'server2', 'server3'];
const BETS = 10_000;

/** 20 bets in a batch, one batch in flight, and 50 ms a commit: on the fastest machine, the upload takes 25 s. */
const SLOW_UPLOAD = { CLI_BATCH_MAX_AMOUNT: '20', CLI_WINDOW: '1' };
const SLOW_COMMIT = ['postgres', '-c', 'commit_delay=50000', '-c', 'commit_siblings=0'];

const STORED_BATCH = /action: apuesta_recibida \| result: success/;

/** The tests tell one story, from the first `up` to the last: each goes on where the one before it ended. */
describe('three servers on one PostgreSQL, in containers', function () {
  this.timeout(600_000);
  let stack: ComposeStack;
  let database: StackDatabase;
  let broken = false;

  before(async function () {
    if (!(await engineAnswers()) || !(await postgresImageIsThere())) this.skip();
    stack = await ComposeStack.create();
    database = new StackDatabase(stack);
    await stack.edit('config/client.ini', (ini) =>
      Object.entries(SLOW_UPLOAD).reduce(
        (text, [name, value]) => text.replace(new RegExp(`^${name}\\s*=.*$`, 'm'), `${name} = ${value}`),
        ini,
      ),
    );
    await stack.edit('docker-compose.template.yaml', (text) => {
      const template = parseDocument(text);
      template.setIn(['x-servers', 'services', 'postgres', 'command'], SLOW_COMMIT);
      return template.toString();
    });
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

  it('come up with a database, its schema, and a status page each', async () => {
    const output = await stack.make('docker-compose-up', `AGENCIES=${AGENCIES.length}`, 'SERVERS=3', `BETS=${BETS}`);
    const services = (await stack.compose('config', '--services')).trim().split('\n');
    expect(services).to.have.members([...SERVERS, 'postgres', 'migrate', 'echo', ...CLIENTS]);
    for (const server of SERVERS) {
      const [, address] = new RegExp(`^status page of ${server}: (http://127\\.0\\.0\\.1:\\d+/)$`, 'm').exec(output)!;
      expect((await fetch(new URL('readyz', address))).status, server).to.equal(200);
    }
  });

  it('all take bets', async () => {
    for (const server of SERVERS) await stack.awaitLog(server, STORED_BATCH);
  });

  it('are stopped and killed in the middle of the upload', async () => {
    await stack.stop('server1');
    const stopped = new Date();
    await expectUploading();
    for (const server of ['server2', 'server3']) await stack.awaitLog(server, STORED_BATCH, { since: stopped });
    await stack.kill('server2');
    await expectUploading();
  });

  it('have every agency end with exit code 0 and its own winners', async () => {
    for (const agency of AGENCIES) await stack.requireWinners(agency);
    await database.requireWinners(AGENCIES);
  });

  it('have the limits of the compose file, as their database has', async () => {
    await requireLimits(stack, [...SERVERS, 'postgres', 'migrate', 'echo', ...CLIENTS]);
    await requireConfined(stack, 'migrate');
    const status = await outputOf('docker', ['exec', stack.container('postgres'), 'cat', '/proc/1/status']);
    for (const set of ['CapPrm', 'CapEff', 'CapBnd']) expect(status).to.match(new RegExp(`^${set}:\\t0+$`, 'm'));
    expect(status)
      .to.match(/^NoNewPrivs:\t1$/m)
      .and.not.to.match(/^Uid:\t0\b/m);
    const write = await runCommand('docker', ['exec', stack.container('postgres'), 'touch', '/usr/file']);
    expect(write).to.deep.include({ code: 1 });
    expect(write.stderr).to.match(/Read-only file system/);
  });

  it('have status ports that no client can reach', async () => {
    const closed = [
      'server:8080',
      'server3:8080',
      'server3-status:8080',
      `${await addressIn(stack, 'server3', 'status_net')}:8080`,
    ];
    const results = await connectionsFrom(stack, 'client1', ['server3:12345', ...closed]);
    expect(results['server3:12345']).to.equal('connected');
    for (const address of closed) expect(results[address], address).not.to.equal('connected');
  });

  it('have a database that no client can reach, by its name and its address', async () => {
    const addresses = ['postgres:5432', `${await addressIn(stack, 'postgres', 'store_net')}:5432`];
    const results = await connectionsFrom(stack, 'client1', ['server3:12345', ...addresses]);
    expect(results['server3:12345']).to.equal('connected');
    for (const address of addresses) expect(results[address], address).not.to.equal('connected');
    // The name and the address are right: in the network of the database, they lead to it.
    for (const service of ['server3', 'migrate']) {
      const inside = Object.fromEntries(addresses.map((address) => [address, 'connected']));
      expect(await connectionsFrom(stack, service, addresses), service).to.deep.equal(inside);
    }
  });

  it('lost no bet and stored none twice: each agency has the rows of its file, in their order', async () => {
    await database.requireWholeFiles(AGENCIES);
  });

  it('have the exit code of their end: 0 after a stop, 137 after a kill', async () => {
    expect(await stack.exitCodes()).to.include({ server1: 0, server2: 137, migrate: 0 });
  });

  it('have a role that can neither delete a bet nor change the schema', async () => {
    for (const statement of ['DELETE FROM bets', 'TRUNCATE bets', 'DROP TABLE bets', 'CREATE TABLE other (a int)']) {
      const { code, stderr } = await database.psql('lottery_server', statement);
      expect(code, statement).to.equal(1);
      expect(stderr, statement).to.match(/^ERROR: {2}(permission denied for|must be owner of) (table|schema) /);
    }
  });

  it('need a password in the network', async () => {
    const { code, stderr } = await database.psql('lottery_server', 'SELECT 1', 'postgres');
    expect(code).to.equal(2);
    expect(stderr).to.match(/no password supplied/);
  });

  it('come back, and go on with their bets', async () => {
    await stack.make('docker-compose-up');
    for (const client of CLIENTS) expect(await stack.exitCodeOf(client), client).to.equal(0);
    await database.requireWholeFiles(AGENCIES);
  });

  it('end with exit code 0 everywhere when they are stopped', async () => {
    await stack.compose('stop', '--timeout', '3');
    const services = [...SERVERS, 'postgres', 'migrate', 'echo', ...CLIENTS];
    expect(await stack.exitCodes()).to.deep.equal(Object.fromEntries(services.map((service) => [service, 0])));
  });

  it('keep their bets over make docker-compose-down', async () => {
    await stack.make('docker-compose-down');
    expect(await stack.compose('ps', '--all', '--quiet')).to.equal('');
    await stack.make('docker-compose-up');
    await database.requireWholeFiles(AGENCIES);
  });

  it('are replaced by one server with its own files, and come back to their database', async () => {
    await stack.make('docker-compose-up', 'AGENCIES=1');
    const containers = (await stack.compose('ps', '--all', '--format', '{{.Service}}')).trim().split('\n');
    expect(containers).to.have.members(['server', 'echo', 'client1']);
    await stack.make('docker-compose-up', `AGENCIES=${AGENCIES.length}`, 'SERVERS=3');
    for (const client of CLIENTS) expect(await stack.exitCodeOf(client), client).to.equal(0);
    await database.requireWholeFiles(AGENCIES);
  });

  it('lose their database by make docker-compose-clean', async () => {
    await stack.make('docker-compose-clean');
    expect(await stack.volumes()).to.deep.equal([`${stack.project}_server_data`]);
  });

  async function expectUploading(): Promise<void> {
    expect(Number(await database.value('SELECT finished FROM draws'))).to.be.lessThan(AGENCIES.length);
    expect(Number(await database.value('SELECT count(*) FROM bets'))).to.be.within(1, AGENCIES.length * BETS - 1);
  }
});
