import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { TokenFile } from '../../../../../../apps/server/status/access/token_file';
import { openStatusServer, type StatusServer } from '../../../../../../apps/server/status/status_server';
import { eventually } from '../../../../../support/eventually';
import { createMemoryLottery, type MemoryLottery } from '../../../../../support/memory_lottery';

const TOKEN = 'correct-horse-battery-staple';
const SETTINGS = {
  SERVER_NAME: 'server1',
  SERVER_STATUS_PORT: 0,
  SERVER_STATUS_IP: '127.0.0.1',
  SERVER_STATUS_HOSTS: [],
  SERVER_WINNING_NUMBER: 7574,
};

/** The paths that need the token, with their status. */
const PROTECTED = { '/': 200, '/status.json': 200, '/metrics': 200, '/events': 200, '/nothing': 404 };

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

describe('the status server with a token', function () {
  this.timeout(20_000);
  let directory: string;
  let lottery: MemoryLottery;
  let site: StatusServer;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'token-'));
    writeFileSync(join(directory, 'token'), `${TOKEN}\n`);
    lottery = createMemoryLottery();
    lottery.activity.phase = 'ready';
    site = await start();
  });

  afterEach(async () => {
    await site.close();
    rmSync(directory, { recursive: true });
    expect(lottery.lines.join('\n')).not.to.include(TOKEN);
  });

  const start = (): Promise<StatusServer> =>
    openStatusServer({
      settings: SETTINGS,
      ...lottery,
      maxConnections: 50,
      token: new TokenFile(join(directory, 'token'), lottery.log),
    });

  async function open(
    path: string,
    headers: IncomingHttpHeaders = {},
    { method = 'GET', body = '' } = {},
  ): Promise<IncomingMessage> {
    const { hostname, port } = new URL(site.url);
    const length = method === 'POST' ? { 'content-length': String(body.length) } : {};
    const sent = request({ hostname, port, path, method, agent: false, headers: { ...length, ...headers } });
    const [response] = (await once(sent.end(body), 'response')) as [IncomingMessage];
    response.on('error', () => {});
    return response;
  }

  async function ask(...[path, headers, options]: Parameters<typeof open>): Promise<Answer> {
    const response = await open(path, headers, options);
    const { statusCode, headers: received } = response;
    if (received['content-type'] !== 'text/event-stream') {
      return { status: statusCode!, headers: received, body: await text(response) };
    }
    response.destroy();
    return { status: statusCode!, headers: received, body: '' };
  }

  const login = (token: string, headers: IncomingHttpHeaders = {}): Promise<Answer> =>
    ask('/login', headers, { method: 'POST', body: `token=${encodeURIComponent(token)}` });

  /** The name and value of a new cookie. */
  async function cookieOfLogin(): Promise<string> {
    const { status, headers } = await login(TOKEN);
    expect([status, headers.location]).to.deep.equal([303, '/']);
    return headers['set-cookie']![0]!.split(';')[0]!;
  }

  async function statuses(headers: IncomingHttpHeaders): Promise<Record<string, number>> {
    const found: Record<string, number> = {};
    for (const path of Object.keys(PROTECTED)) found[path] = (await ask(path, headers)).status;
    return found;
  }

  const allDenied = Object.fromEntries(Object.keys(PROTECTED).map((path) => [path, 401]));
  const bearer = (token: string): IncomingHttpHeaders => ({ authorization: `Bearer ${token}` });
  const logged = (): string[] => lottery.lines.filter((line) => line.includes('status_'));

  it('answers everything with the token', async () => {
    expect(await statuses(bearer(TOKEN))).to.deep.equal(PROTECTED);
    expect(await statuses({ authorization: `bearer   ${TOKEN} ` })).to.deep.equal(PROTECTED);
  });

  it('answers nothing but the health checks without it', async () => {
    expect(await statuses({})).to.deep.equal(allDenied);
    expect(await statuses({ authorization: `Basic ${btoa(`x:${TOKEN}`)}` })).to.deep.equal(allDenied);
    expect(await statuses({ cookie: `lottery=${TOKEN}` })).to.deep.equal(allDenied);
    const { status, headers, body } = await ask('/metrics');
    expect([status, headers['www-authenticate'], body]).to.deep.equal([
      ...[401, 'Bearer realm="lottery"'],
      'a token is needed\n',
    ]);
    expect((await ask('/status.json', {}, { method: 'HEAD' })).status).to.equal(401);
    expect((await ask(`/status.json?token=${TOKEN}`)).status, 'a token in the address').to.equal(401);
    expect([(await ask('/healthz')).body, (await ask('/readyz')).body]).to.deep.equal(['ok\n', 'ready\n']);
    expect(logged()).to.deep.equal([]);
  });

  it('refuses another path to a protected one', async () => {
    for (const path of [
      '//metrics',
      '/healthz/../metrics',
      '/%6detrics',
      '/metrics/',
      '/METRICS',
      '/login/../metrics',
    ]) {
      const { status, body } = await ask(path);
      expect([status, /lottery_bets/.test(body)], path).to.deep.equal([401, false]);
    }
  });

  it('refuses a wrong token, with a line in the log', async () => {
    const { status, headers, body } = await ask('/metrics', bearer(`${TOKEN}x`));
    expect([status, headers['www-authenticate'], body]).to.deep.equal([
      ...[401, 'Bearer realm="lottery", error="invalid_token"'],
      'this is not the token\n',
    ]);
    expect(logged()).to.have.length(1);
    expect(logged()[0]).to.match(/WARNING +action: status_login \| result: fail \| ip: 127\.0\.0\.1 \|.*wrong token/);
  });

  it('shows a form in place of the page, without a script', async () => {
    for (const path of ['/', '/login']) {
      const { headers, body } = await ask(path);
      expect(headers['content-type']).to.equal('text/html; charset=UTF-8');
      expect(body).to.match(/<form method="post" action="\/login">/);
      expect(body).not.to.match(/<script|role="alert"|Not yet/);
      expect(headers['content-security-policy']).to.match(/form-action 'self'; frame-ancestors 'none'$/);
    }
    expect((await ask('/login')).status).to.equal(200);
  });

  it('begins a session with the token, whose cookie does not contain it', async () => {
    const { status, headers } = await login(TOKEN);
    expect([status, headers.location, headers.connection]).to.deep.equal([303, '/', 'close']);
    expect(headers['set-cookie']).to.have.length(1);
    expect(headers['set-cookie']![0]).to.match(/^lottery_[0-9a-f]{8}=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    const cookie = headers['set-cookie']![0]!.split(';')[0]!;
    expect(await statuses({ cookie })).to.deep.equal(PROTECTED);
    expect(await statuses({ cookie: `other=1; ${cookie}` })).to.deep.equal(PROTECTED);
    expect(await statuses({ cookie: `${cookie}x` })).to.deep.equal(allDenied);
    expect((await ask('/', { cookie })).body).to.match(/<form id="logout" method="post" action="\/logout">/);
    expect(logged().map((line) => line.replace(/^.*action/, 'action'))).to.deep.equal([
      'action: status_login | result: success | ip: 127.0.0.1',
    ]);
  });

  it('ignores white space around the token of the form', async () => {
    expect((await login(` ${TOKEN}\r\n`)).status).to.equal(303);
  });

  it('ends the session at its logout, and no other one', async () => {
    const [first, second] = [await cookieOfLogin(), await cookieOfLogin()];
    const logout = await ask('/logout', { cookie: first }, { method: 'POST' });
    expect([logout.status, logout.headers.location]).to.deep.equal([303, '/login']);
    expect(logout.headers['set-cookie']![0]).to.match(
      /^lottery_[0-9a-f]{8}=; Max-Age=0; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    expect(await statuses({ cookie: first })).to.deep.equal(allDenied);
    expect(await statuses({ cookie: second })).to.deep.equal(PROTECTED);
    expect((await ask('/logout', {}, { method: 'POST' })).status).to.equal(303);
  });

  it('shows the form again with the fault after a wrong token', async () => {
    const { status, headers, body } = await login('<b>wrong</b>');
    expect([status, headers['set-cookie']]).to.deep.equal([401, undefined]);
    expect(headers['www-authenticate']).to.equal('Bearer realm="lottery", error="invalid_token"');
    expect(body).to.match(/<p class="fault" role="alert">this is not the token<\/p>/);
    expect(body).not.to.include('wrong');
    for (const form of ['', 'x=1', `token=&token=${TOKEN}`]) {
      expect((await ask('/login', {}, { method: 'POST', body: form })).status, form).to.equal(401);
    }
  });

  it('limits the wrong tokens of an address, in forms and headers together', async () => {
    for (let guess = 0; guess < 5; guess++) expect((await login(`guess-${guess}`)).status).to.equal(401);
    const cookie = await cookieOfLogin();
    for (let guess = 0; guess < 5; guess++) {
      expect((await ask('/metrics', bearer(`guess-${guess}`))).status).to.equal(401);
    }
    const limited = await login(TOKEN);
    expect([limited.status, limited.headers['retry-after']]).to.deep.equal([429, '60']);
    expect(limited.body).to.match(/role="alert">too many wrong tokens; wait a minute</);
    expect((await ask('/metrics', bearer(TOKEN))).status).to.equal(429);
    // Sessions and health checks go on.
    expect(await statuses({ cookie })).to.deep.equal(PROTECTED);
    expect((await ask('/readyz')).status).to.equal(200);
    expect(logged().filter((line) => line.includes('fail'))).to.have.length(1);
    await site.close();
    site = await start();
    const [, last] = logged().filter((line) => line.includes('fail'));
    expect(last).to.match(/error: too many wrong tokens \| refused: 11$/);
  });

  it('counts no token of a form that stays incomplete', async () => {
    const { hostname, port } = new URL(site.url);
    for (let form = 0; form < 12; form++) {
      const socket = connect(Number(port), hostname);
      await once(socket, 'connect');
      socket.write('POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30\r\n\r\ntoken=half');
      // The response to another request shows that the server has received the bytes.
      await ask('/healthz');
      socket.destroy();
      await once(socket, 'close');
    }
    await ask('/healthz');
    expect((await login('wrong')).status).to.equal(401);
    await site.close();
    site = await start();
    expect(logged().filter((line) => !line.includes('wrong token | refused: 1'))).to.deep.equal([]);
    expect(logged()).to.have.length(1);
  });

  it('refuses the forms of other sites', async () => {
    const cookie = await cookieOfLogin();
    for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'http://evil.example' }, { origin: 'null' }]) {
      expect((await login(TOKEN, headers)).status).to.equal(403);
      expect((await ask('/logout', { cookie, ...headers }, { method: 'POST' })).status).to.equal(403);
    }
    expect(await statuses({ cookie })).to.deep.equal(PROTECTED);
  });

  it('has the methods of each path', async () => {
    const answers: unknown[] = [];
    for (const [method, path] of [
      ['POST', '/'],
      ['POST', '/metrics'],
      ['PUT', '/login'],
      ['GET', '/logout'],
      ['HEAD', '/login'],
    ] as const) {
      const { status, headers } = await ask(path, bearer(TOKEN), { method });
      answers.push([status, headers.allow]);
    }
    expect(answers).to.deep.equal([
      [405, 'GET, HEAD'],
      [405, 'GET, HEAD'],
      [405, 'GET, HEAD, POST'],
      [405, 'POST'],
      [200, undefined],
    ]);
  });

  it('ends an open page at its logout, and the others go on', async () => {
    const cookie = await cookieOfLogin();
    const ended = await open('/events', { cookie });
    const others = [await open('/events', bearer(TOKEN)), await open('/events', { cookie: await cookieOfLogin() })];
    const body = text(ended);
    await ask('/logout', { cookie }, { method: 'POST' });
    expect(await body).to.match(/event: whole/);
    for (const other of others) {
      other.setEncoding('utf8');
      let received = '';
      while (!/event: changes/.test(received)) received += String((await once(other, 'data'))[0]);
      other.destroy();
    }
  });

  it('ends sessions and pages with another token', async () => {
    const cookie = await cookieOfLogin();
    const pages = [await open('/events', { cookie }), await open('/events', bearer(TOKEN))].map((page) => text(page));
    writeFileSync(join(directory, 'token'), 'the-next-token-of-the-page');
    for (const page of await Promise.all(pages)) expect(page).to.match(/event: whole/);
    expect(await statuses({ cookie })).to.deep.equal(allDenied);
    expect(await statuses(bearer(TOKEN))).to.deep.equal(allDenied);
    expect(await statuses(bearer('the-next-token-of-the-page'))).to.deep.equal(PROTECTED);
    await eventually('the change is in the log', async () => logged().some((line) => /status_token/.test(line)), 1_000);
  });
});
