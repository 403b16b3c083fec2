import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { findFreePort } from '../../tools/free_port';
import { App } from '../support/app';
import { LotterySandbox, type RunningServer } from '../support/lottery_sandbox';
import { metricsIn } from '../support/metrics_text';
import { PROMETHEUS_HEADERS } from '../support/prometheus';

const run = promisify(execFile);
const TOKEN = 'correct-horse-battery-staple';
const OTHER = 'another-token-of-this-server';

describe('a server with a token for its status pages', function () {
  this.timeout(30_000);
  let sandbox: LotterySandbox;
  let env: Record<string, string>;
  let url: string;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    const statusPort = String(await findFreePort());
    url = `http://127.0.0.1:${statusPort}`;
    env = {
      SERVER_STATUS_PORT: statusPort,
      SERVER_STATUS_TOKEN_FILE: await sandbox.write('token', `${TOKEN}\n`),
      LOGGING_LEVEL: 'DEBUG',
    };
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  async function start(more: Record<string, string> = {}): Promise<RunningServer> {
    const server = await sandbox.startServer({ ...env, ...more });
    await server.app.line(/action: status_page \| result: success/);
    return server;
  }

  const withToken = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });
  const statusOf = async (path: string, init?: RequestInit): Promise<number> => (await fetch(url + path, init)).status;
  const login = (token: string): Promise<Response> =>
    fetch(`${url}/login`, { method: 'POST', body: new URLSearchParams({ token }), redirect: 'manual' });

  it('is scraped by Prometheus with the token, and passes its health check without it', async () => {
    await start();
    expect(await statusOf('/metrics', { headers: PROMETHEUS_HEADERS })).to.equal(401);
    const headers = { ...PROMETHEUS_HEADERS, Authorization: `Bearer ${TOKEN}` };
    const scrape = await fetch(`${url}/metrics`, { headers });
    expect(scrape.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/);
    expect(metricsIn(await scrape.text())).to.include('lottery_bets');
    const check = new App('healthcheck', { cwd: sandbox.directory, env });
    expect(await check.end()).to.deep.equal({ code: 0, signal: null });
  });

  it('has a login for curl with cookies', async function () {
    try {
      await run('curl', ['--version']);
    } catch {
      this.test!.title += ' (no curl)';
      this.skip();
    }
    await start();
    const cookies = ['-sS', '-b', sandbox.path('cookies'), '-c', sandbox.path('cookies')];
    const curl = async (...more: string[]): Promise<string> => (await run('curl', [...cookies, ...more])).stdout;
    expect(await curl(`${url}/status.json`)).to.equal('a token is needed\n');
    expect(await curl('-L', '--data-urlencode', `token@${sandbox.path('token')}`, `${url}/login`)).to.match(/Log out/);
    expect(JSON.parse(await curl(`${url}/status.json`))).to.have.property('bets');
    expect(await curl('-L', '-X', 'POST', '-H', 'Content-Length: 0', `${url}/logout`)).to.match(/Log in/);
    expect(await curl(`${url}/status.json`)).to.equal('a token is needed\n');
  });

  it('takes another token without a restart, and keeps its agencies', async () => {
    const { app, port } = await start();
    const agency = await sandbox.connect(port);
    expect(await agency.ask('N', '1')).to.equal('O 0');
    const cookie = (await login(TOKEN)).headers.get('set-cookie')!.split(';')[0]!;
    expect(await statusOf('/status.json', { headers: { cookie } })).to.equal(200);

    await sandbox.write('token', 'short');
    await app.line(/ERROR +action: status_token \| result: fail \| error: .* fewer than 16 characters$/);
    expect(await statusOf('/status.json', withToken(TOKEN))).to.equal(200);

    await sandbox.write('token', OTHER);
    await app.line(/INFO +action: status_token \| result: success$/);
    expect(await statusOf('/status.json', withToken(OTHER))).to.equal(200);
    expect(await statusOf('/status.json', withToken(TOKEN))).to.equal(401);
    expect(await statusOf('/status.json', { headers: { cookie } })).to.equal(401);

    app.signal('SIGHUP');
    await app.linesMatching(/status_token \| result: success/, 2);
    expect(await agency.ask('B', '1,Ana,Paz,1,2000-01-01,7')).to.equal('O 1');
    expect((await app.stop('SIGTERM')).code).to.equal(0);
  });

  it('has neither token nor cookie in its log, its arguments and its environment', async () => {
    const { app } = await start();
    const cookie = (await login(TOKEN)).headers.get('set-cookie')!.split(';')[0]!;
    const wrong = 'a-wrong-token-of-somebody';
    expect((await login(wrong)).status).to.equal(401);
    expect(await statusOf('/metrics', withToken(wrong))).to.equal(401);
    expect(await statusOf(`/nothing?token=${TOKEN}`, { headers: { cookie } })).to.equal(404);
    const process = await Promise.all(
      ['cmdline', 'environ'].map((file) => readFile(`/proc/${app.pid}/${file}`, 'latin1').catch(() => '')),
    );
    await app.stop('SIGTERM');
    const written = [...process, app.stdout, app.stderr].join('\n');
    expect(written).to.match(/SERVER_STATUS_TOKEN_FILE/);
    expect(written).to.match(/action: status_login \| result: success \| ip: 127\.0\.0\.1\n/);
    expect(written).to.match(/action: status_login \| result: fail \| ip: 127\.0\.0\.1 .* refused: 1\n/);
    for (const secret of [TOKEN, wrong, cookie.split('=')[1]!]) expect(written).not.to.include(secret);
  });

  it('goes on at SIGHUP if its status port is in use', async () => {
    const first = await start();
    const second = await sandbox.startServer({ ...env, SERVER_DATA_DIR: sandbox.path('second') });
    await second.app.line(/ERROR +action: status_page \| result: fail/);
    second.app.signal('SIGHUP');
    await second.app.line(/status_token \| result: success/);
    expect(await (await sandbox.connect(second.port)).ask('N', '1')).to.equal('O 0');
    for (const { app } of [first, second]) expect((await app.stop('SIGTERM')).code).to.equal(0);
  });

  const unusable: Record<string, [string, RegExp]> = {
    'an empty file': ['', /SERVER_STATUS_TOKEN_FILE \S+token is empty\n$/],
    'a short token': ['0123456789abcde\n', / has a token with fewer than 16 characters\n$/],
    'a long token': ['x'.repeat(513), / has a token with more than 512 characters\n$/],
    'a token with blanks': [TOKEN.replaceAll('-', ' '), / has a token with other characters than /],
  };
  for (const [kind, [content, message]] of Object.entries(unusable)) {
    it(`refuses to start with ${kind}, in one line and with exit code 2`, async () => {
      await sandbox.write('token', content);
      await expectUnusable(message);
    });
  }

  it('refuses to start without a readable file, in one line and with exit code 2', async () => {
    env['SERVER_STATUS_TOKEN_FILE'] = sandbox.path('gone');
    await expectUnusable(/SERVER_STATUS_TOKEN_FILE \S+gone cannot be read: ENOENT/);
    env['SERVER_STATUS_TOKEN_FILE'] = sandbox.directory;
    await expectUnusable(/SERVER_STATUS_TOKEN_FILE \S+ cannot be read: it is no regular file\n$/);
  });

  async function expectUnusable(message: RegExp): Promise<void> {
    const app = sandbox.launchServer(env);
    expect((await app.end()).code, app.stdout + app.stderr).to.equal(2);
    expect(app.stderr).to.match(/^lottery-server: [^\n]+\n$/);
    expect(app.stderr).to.match(message);
    expect(app.stderr).not.to.match(/correct|0123456789|xxx/);
  }
});
