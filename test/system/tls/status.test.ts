import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type IncomingMessage } from 'node:http';
import { request, type RequestOptions } from 'node:https';
import { text } from 'node:stream/consumers';
import { type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { findFreePort } from '../../../tools/free_port';
import { App } from '../../support/app';
import { LotteryCertificates } from '../../support/lottery_certificates';
import { LotterySandbox, type RunningServer } from '../../support/lottery_sandbox';
import { metricsIn } from '../../support/metrics_text';
import { PROMETHEUS_HEADERS } from '../../support/prometheus';

const run = promisify(execFile);

describe('the status server of a server by TLS', function () {
  this.timeout(30_000);
  let sandbox: LotterySandbox;
  let certificates: LotteryCertificates;
  let statusPort: string;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    certificates = await LotteryCertificates.create(sandbox, 1);
    statusPort = String(await findFreePort());
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  const settings = (more: Record<string, string> = {}): Record<string, string> => {
    return { SERVER_AGENCIES: '1', SERVER_STATUS_PORT: statusPort, ...certificates.server, ...more };
  };

  async function start(scheme: 'http' | 'https', more: Record<string, string> = {}): Promise<RunningServer> {
    const server = await sandbox.startServer(settings(more));
    const line = await server.app.line(/action: status_page \| result: success/);
    expect(/url: (\S+)/.exec(line)![1]).to.equal(`${scheme}://127.0.0.1:${statusPort}/`);
    return server;
  }

  async function ask(path: string, options: RequestOptions = {}): Promise<IncomingMessage> {
    const target = { host: '127.0.0.1', port: statusPort, path, ca: certificates.authority.certificate };
    const [response] = (await once(request({ ...target, ...options }).end(), 'response')) as [IncomingMessage];
    return response;
  }

  const serialNumberOf = ({ socket }: IncomingMessage): string =>
    (socket as TLSSocket).getPeerX509Certificate()!.serialNumber.toLowerCase();

  const healthcheck = (more: Record<string, string> = {}): Promise<{ code: number | null }> =>
    new App('healthcheck', { cwd: sandbox.directory, env: settings(more) }).end();

  it('has the certificate of the server, and asks for none', async () => {
    await start('https');
    const page = await ask('/');
    expect([page.statusCode, page.headers['strict-transport-security']]).to.deep.equal([200, 'max-age=31536000']);
    expect((page.socket as TLSSocket).getProtocol()).to.equal('TLSv1.3');
    expect(await text(page)).to.match(/^<!doctype html>/);
    const scrape = await ask('/metrics', { headers: PROMETHEUS_HEADERS });
    expect(scrape.headers['content-type']).to.match(/^text\/plain; version=0\.0\.4/);
    expect(metricsIn(await text(scrape))).to.include('lottery_tls_days_to_expiry');
    const foreign = await ask('/status.json', { headers: { host: 'evil.example' }, servername: '' });
    expect([foreign.statusCode, await text(foreign)]).to.deep.equal([
      421,
      'this host is not served here: see SERVER_STATUS_HOSTS\n',
    ]);
  });

  it('answers curl, and keeps a plain client out', async function () {
    await start('https');
    const url = `127.0.0.1:${statusPort}/readyz`;
    try {
      await run('curl', ['--version']);
    } catch {
      this.test!.title += ' (no curl)';
      this.skip();
    }
    const { stdout } = await run('curl', ['-sS', '--cacert', sandbox.path('ca.pem'), `https://${url}`]);
    expect(stdout).to.equal('ready\n');
    const failed: unknown = await run('curl', ['-sS', `http://${url}`]).catch((error: unknown) => error);
    expect(failed).to.have.property('code').that.is.a('number');
    expect(failed).to.have.property('stdout', '');
  });

  it('uses a new certificate with the agencies, and ends no open page', async () => {
    const { app } = await start('https');
    const page = await ask('/events');
    const before = serialNumberOf(page);
    const renewed = await certificates.writeServer();
    await app.line(/tls_files \| result: success/);
    expect(serialNumberOf(await ask('/healthz', { agent: false }))).to.equal(renewed.serialNumber);
    expect(before).not.to.equal(renewed.serialNumber);
    page.setEncoding('utf8');
    let received = '';
    while (!/event: changes/.test(received)) received += String((await once(page, 'data'))[0]);
    page.destroy();
  });

  it("passes a container's health check, also with the certificate of another name", async () => {
    await certificates.writeServer({ names: [{ type: 'dns', value: 'lottery.example' }] });
    const { app } = await start('https');
    expect((await healthcheck()).code).to.equal(0);
    await app.stop('SIGTERM');
    expect((await healthcheck()).code).to.equal(1);
  });

  it('has a login whose cookie stays with TLS', async () => {
    const token = 'correct-horse-battery-staple';
    await start('https', { SERVER_STATUS_TOKEN_FILE: await sandbox.write('token', token) });
    expect((await ask('/metrics')).statusCode).to.equal(401);
    expect((await ask('/metrics', { headers: { authorization: `Bearer ${token}` } })).statusCode).to.equal(200);
    const form = `token=${token}`;
    const sent = request({
      ...{
        host: '127.0.0.1',
        port: statusPort,
        path: '/login',
        ca: certificates.authority.certificate,
        method: 'POST',
      },
      headers: { 'content-length': form.length },
    });
    const [response] = (await once(sent.end(form), 'response')) as [IncomingMessage];
    const [cookie] = response.headers['set-cookie']!;
    expect(cookie).to.match(/^__Host-lottery_[0-9a-f]{8}=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
    const page = await ask('/', { headers: { cookie: cookie!.split(';')[0] } });
    expect(page.statusCode).to.equal(200);
    expect((await healthcheck()).code).to.equal(0);
  });

  it('is plain with SERVER_STATUS_TLS = off', async () => {
    const plain = { SERVER_STATUS_TLS: 'off' };
    await start('http', plain);
    const response = await fetch(`http://127.0.0.1:${statusPort}/readyz`);
    expect([response.status, await response.text()]).to.deep.equal([200, 'ready\n']);
    expect(response.headers.get('strict-transport-security')).to.equal(null);
    expect((await healthcheck(plain)).code).to.equal(0);
  });

  it('cannot be on without the certificate of the server', async () => {
    const server = sandbox.launchServer({ SERVER_STATUS_PORT: statusPort, SERVER_STATUS_TLS: 'on' });
    expect(await server.end()).to.deep.equal({ code: 2, signal: null });
    expect(server.stderr).to.equal('lottery-server: SERVER_STATUS_TLS is on, and needs SERVER_TLS = on\n');
  });
});

describe('the status server of a server by plain TCP', () => {
  it('loads no module of TLS', async () => {
    const sandbox = await LotterySandbox.create();
    const statusPort = String(await findFreePort());
    // Node reports each of its own modules that it compiles.
    const { app } = await sandbox.startServer({ SERVER_STATUS_PORT: statusPort, NODE_DEBUG: 'module' });
    await app.line(/action: status_page \| result: success/);
    expect((await fetch(`http://127.0.0.1:${statusPort}/healthz`)).status).to.equal(200);
    await app.stop('SIGTERM');
    expect(app.stderr).to.match(/status_server/);
    expect(app.stderr).not.to.match(/node:https|node:tls/);
    await sandbox.dispose();
  });
});
