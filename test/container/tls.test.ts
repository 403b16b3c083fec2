import { expect } from 'chai';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { type IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { text } from 'node:stream/consumers';

import { outputOf } from '../support/command';
import { ComposeStack, engineAnswers } from '../support/compose_stack';
import { requireConfined, requireLimits } from '../support/confinement';
import { postgresImageIsThere, StackDatabase } from '../support/stack_database';
import { message } from '../support/wire_client';

const AGENCIES = [1, 2, 3];
const CLIENTS = AGENCIES.map((id) => `client${id}`);
const BETS = 2_000;

const SERVER_FILES = {
  ca: 'ca.pem',
  crl: 'crl.pem',
  server_certificate: 'server.pem',
  server_key: 'server.key.pem',
};
const clientFiles = (id: number): Record<string, string> => ({
  ca: 'ca.pem',
  [`agency${id}_certificate`]: `agency-${id}.pem`,
  [`agency${id}_key`]: `agency-${id}.key.pem`,
});

/** Prints the content of each file in /run/secrets, by its name. */
const PRINT_SECRETS = `
  const { readdirSync, readFileSync } = require('node:fs');
  const read = (name) => [name, readFileSync('/run/secrets/' + name, 'utf8')];
  console.log(JSON.stringify(Object.fromEntries(readdirSync('/run/secrets').map(read))));
`;

/**
 * Connects to each host by TLS with the certificate of agency 1, asks for the number of its bets, and prints the protocol,
 * the error of the server's certificate and the response. Then it sends the same by plain TCP to the first host, and
 * prints the response.
 */
const ASK = (hosts: readonly string[]): string => `
  const { readFileSync } = require('node:fs');
  const { connect } = require('node:net');
  const tls = require('node:tls');
  const secret = (name) => readFileSync('/run/secrets/' + name);
  const identity = { ca: secret('ca'), cert: secret('agency1_certificate'), key: secret('agency1_key') };
  const question = Buffer.from('${message('N', '1').toString('hex')}', 'hex');
  const answerOf = (socket) => new Promise((resolve) => {
    socket.setTimeout(5000, () => socket.destroy(new Error('timeout')));
    socket.on('data', (bytes) => { resolve(bytes.toString('latin1', 0, 1) + bytes.toString('latin1', 7)); socket.destroy(); });
    socket.on('error', (error) => resolve(error.code ?? error.message)).on('close', () => resolve('closed'));
    socket.write(question);
  });
  const askByTls = async (host) => {
    const socket = tls.connect({ host, port: 12345, servername: host, rejectUnauthorized: false, ...identity });
    let session;
    socket.on('secureConnect', () => (session = [socket.getProtocol(), socket.authorizationError]));
    const answer = await answerOf(socket);
    return [...(session ?? []), answer];
  };
  (async () => {
    const hosts = ${JSON.stringify(hosts)};
    const secure = {};
    for (const host of hosts) secure[host] = await askByTls(host);
    const plain = await answerOf(connect(12345, hosts[0]));
    console.log(JSON.stringify({ secure, plain }));
  })();
`;

/** Prints the targets of Prometheus' configuration, and the first line of the metrics of each. */
const SCRAPE = `
  const { readFileSync } = require('node:fs');
  const { get } = require('node:https');
  const { text } = require('node:stream/consumers');
  const config = readFileSync('/etc/prometheus/prometheus.yml', 'utf8');
  const ca = readFileSync(/ca_file: (.*)/.exec(config)[1]);
  const targets = Array.from(config.matchAll(/- (\\S+:8080)/g), ([, target]) => target);
  const read = (target) => new Promise((resolve) => {
    const request = get('https://' + target + '/metrics', { ca }, (response) => {
      text(response).then((body) => resolve([target, response.statusCode, body.includes('lottery_bets_stored_total')]));
    });
    request.on('error', (error) => resolve([target, error.code]));
  });
  Promise.all(targets.map(read)).then((results) => console.log(JSON.stringify(results)));
`;

/** Requires that Prometheus' container has its configuration, and reaches the metrics of each server by TLS. */
async function requireScrapes(stack: ComposeStack, servers: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await stack.script('prometheus', SCRAPE);
  expect(code, stderr).to.equal(0);
  expect(JSON.parse(stdout)).to.deep.equal(servers.map((server) => [`${server}:8080`, 200, true]));
}

const ANSWER = ['TLSv1.3', null, `O${BETS}`];

/** The tests of a stack follow one system. Each continues from the previous one. */
function describeStack(title: string, options: readonly string[], tests: (stack: () => ComposeStack) => void): void {
  describe(title, function () {
    this.timeout(600_000);
    let stack: ComposeStack;
    let broken = false;

    before(async function () {
      if (!(await engineAnswers())) this.skip();
      if (options.some((option) => option.startsWith('SERVERS')) && !(await postgresImageIsThere())) this.skip();
      stack = await ComposeStack.create();
      // The files and the network of the container are tested without the image of Prometheus.
      await stack.edit('docker-compose.template.yaml', (template) =>
        template.replace(/image: prom\/prometheus.*/, 'image: client:latest'),
      );
      const output = await stack.make(
        'docker-compose-up',
        `AGENCIES=${AGENCIES.length}`,
        `BETS=${BETS}`,
        'TLS=1',
        ...options,
      );
      expect(output).to.match(/^status page( of server1)?: https:\/\/127\.0\.0\.1:\d+\/$/m);
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

    tests(() => stack);
  });
}

async function secretsOf(stack: ComposeStack, service: string): Promise<unknown> {
  const { code, stdout, stderr } = await stack.script(service, PRINT_SECRETS);
  expect(code, stderr).to.equal(0);
  return JSON.parse(stdout);
}

/** The files of make certificates, by the names of the secrets. */
async function originals(stack: ComposeStack, files: Readonly<Record<string, string>>): Promise<unknown> {
  const read = async ([name, file]: [string, string]) => [name, await certificate(stack, file)] as const;
  return Object.fromEntries(await Promise.all(Object.entries(files).map(read)));
}

function certificate(stack: ComposeStack, file: string): Promise<string> {
  return readFile(stack.path(`.data/certificates/${file}`), 'utf8');
}

/** Requires a good health check, and the status page by TLS with a certificate of the authority. */
async function requireHealthy(stack: ComposeStack, service: string): Promise<void> {
  const health = ['inspect', '--format', '{{.State.Health.Status}}', stack.container(service)];
  expect((await outputOf('docker', health)).trim(), service).to.equal('healthy');
  const address = (await stack.compose('port', service, '8080')).trim();
  const ca = await certificate(stack, 'ca.pem');
  expect(await getByTls(`https://${address}/readyz`, ca), service).to.include({ status: 200 });
  const page = await getByTls(`https://${address}/`, ca);
  expect(page.body, service).to.match(/^<!doctype html>/i);
}

async function getByTls(url: string, ca: string): Promise<{ status: number | undefined; body: string }> {
  const [response] = (await once(get(url, { ca, agent: false }), 'response')) as [IncomingMessage];
  return { status: response.statusCode, body: await text(response) };
}

describeStack('the lottery in containers by TLS', [], (own) => {
  it('ends every agency with exit code 0 and its winners', async () => {
    for (const agency of AGENCIES) await own().requireWinners(agency);
  });

  it('stores the rows of each file in their order, each once', async () => {
    const rows = (await own().compose('exec', '--no-TTY', 'server', 'cat', 'data/bets.csv')).trimEnd().split('\n');
    for (const agency of AGENCIES) {
      const expected = (await own().betsOf(agency)).map((bet) => [agency, ...bet].join(','));
      expect(rows.filter((row) => row.startsWith(`${agency},`))).to.deep.equal(expected);
    }
    expect(rows).to.have.length(AGENCIES.length * BETS);
  });

  it('gives each container its own key and no other, and leaves the keys of this machine as they are', async () => {
    expect(await secretsOf(own(), 'server')).to.deep.equal(await originals(own(), SERVER_FILES));
    for (const id of AGENCIES) {
      expect(await secretsOf(own(), `client${id}`)).to.deep.equal(await originals(own(), clientFiles(id)));
    }
    const modeOf = async (path: string) => ((await stat(own().path(path))).mode & 0o777).toString(8);
    expect(await modeOf('.data/certificates/server.key.pem')).to.equal('600');
    expect(await modeOf('.data/certificates/agency-1.key.pem')).to.equal('600');
    expect(await modeOf('.secrets')).to.equal('700');
  });

  it('answers an agency by TLS only', async () => {
    const { code, stdout, stderr } = await own().script('client1', ASK(['server']));
    expect(code, stderr).to.equal(0);
    expect(JSON.parse(stdout)).to.deep.equal({ secure: { server: ANSWER }, plain: 'closed' });
    expect(await own().logsOf('server')).to.match(/tls_handshake \| result: fail .*does not speak TLS/);
  });

  it('has a healthy server, its status page by https, and an echo service for netcat', async () => {
    await requireHealthy(own(), 'server');
    await requireScrapes(own(), ['server']);
    const check = { code: 0, stdout: 'action: test_echo_server | result: success\n', stderr: '' };
    expect(await own().netcat(['--check'])).to.deep.equal(check);
  });

  it('has the rights and limits of the containers without TLS', async () => {
    await requireLimits(own(), ['server', 'echo', ...CLIENTS]);
    for (const service of ['client1', 'server']) await requireConfined(own(), service);
  });

  it('reads a renewed file in the running container', async () => {
    const crl = await certificate(own(), 'crl.pem');
    const renewed = `renewed\n${crl}`;
    await own().edit('.data/certificates/crl.pem', () => renewed);
    const since = new Date();
    const generate = ['--no-install', 'ts-node', 'generate_compose.ts', String(AGENCIES.length), '--tls'];
    const output = await outputOf('npx', generate, { cwd: own().directory });
    expect(output).to.match(/^copied 1 file with certificates and keys$/m);
    await own().awaitLog('server', /action: tls_files \| result: success/, { since });
    const running = await own().compose('exec', '--no-TTY', 'server', 'cat', '/run/secrets/crl');
    expect(running).to.equal(renewed);
  });

  it('refuses more agencies than the certificates are for by one line, and keeps certificates and compose file', async () => {
    const keep = ['.data/certificates/ca.pem', '.data/certificates/agency-3.key.pem', 'docker-compose-dev.yaml'];
    const read = () => Promise.all(keep.map((file) => readFile(own().path(file), 'utf8')));
    const before = await read();
    const { code, stderr } = await own().tryMake('docker-compose-up', 'AGENCIES=4', 'TLS=1');
    expect(code).to.equal(2);
    expect(stderr.split('\n').filter((line) => !line.startsWith('make'))).to.deep.equal([
      'generate_compose: .data/certificates has no agency-4.pem, which --tls needs: for new certificates, remove the ' +
        'directory, then make certificates AGENCIES=4 DIR=.data/certificates',
      '',
    ]);
    expect(await read()).to.deep.equal(before);
  });

  it('goes on by TLS after make docker-compose-down and up, with the same certificates', async () => {
    const before = await certificate(own(), 'ca.pem');
    await own().make('docker-compose-down');
    await own().make('docker-compose-up');
    for (const agency of AGENCIES) await own().requireWinners(agency);
    const { stdout } = await own().script('client1', ASK(['server']));
    expect(JSON.parse(stdout)).to.have.nested.property('secure.server').that.deep.equals(ANSWER);
    expect(await certificate(own(), 'ca.pem')).to.equal(before);
  });
});

describeStack('three servers on one PostgreSQL in containers, by TLS', ['SERVERS=3'], (own) => {
  const SERVERS = ['server1', 'server2', 'server3'];

  it('end every agency with exit code 0 and its winners', async () => {
    for (const agency of AGENCIES) await own().requireWinners(agency);
    await new StackDatabase(own()).requireWinners(AGENCIES);
  });

  it('store the rows of each file in their order, each once', async () => {
    await new StackDatabase(own()).requireWholeFiles(AGENCIES);
  });

  it('all took bets, each of one agency', async () => {
    for (const server of SERVERS) {
      const log = await own().logsOf(server);
      const agencies = Array.from(log.matchAll(/action: accept_connections \| result: success/g));
      expect(agencies, server).to.have.length(1);
      expect(log).to.match(/action: apuesta_recibida \| result: success/);
    }
  });

  it('have the certificate and the password, and each agency its own key only', async () => {
    for (const server of SERVERS) {
      const { server_password, ...others } = (await secretsOf(own(), server)) as Record<string, string>;
      expect(others).to.deep.equal(await originals(own(), SERVER_FILES));
      expect(server_password).to.match(/^[\w-]{32}$/);
    }
    expect(await secretsOf(own(), 'client2')).to.deep.equal(await originals(own(), clientFiles(2)));
  });

  it('have a certificate for each name in the network, and answer by TLS only', async () => {
    const names = ['server', ...SERVERS];
    const { code, stdout, stderr } = await own().script('client1', ASK(names));
    expect(code, stderr).to.equal(0);
    expect(JSON.parse(stdout)).to.deep.equal({
      secure: Object.fromEntries(names.map((name) => [name, ANSWER])),
      plain: 'closed',
    });
  });

  it('are healthy, with a status page by https each', async () => {
    for (const server of SERVERS) await requireHealthy(own(), server);
    await requireScrapes(own(), SERVERS);
  });
});
