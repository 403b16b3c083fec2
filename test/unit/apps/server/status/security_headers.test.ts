import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { request as requestTls } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { TokenFile } from '../../../../../apps/server/status/access/token_file';
import { loadPageDocument, loadPageWithLogin } from '../../../../../apps/server/status/page_document';
import { openStatusServer, type StatusServer } from '../../../../../apps/server/status/status_server';
import { identity, pem } from '../../../../support/certificates';
import { createMemoryLottery, type MemoryLottery } from '../../../../support/memory_lottery';
import { metricsIn } from '../../../../support/metrics_text';
import { PROMETHEUS_HEADERS } from '../../../../support/prometheus';

const SETTINGS = {
  SERVER_NAME: 'server1',
  SERVER_STATUS_PORT: 0,
  SERVER_STATUS_IP: '127.0.0.1',
  SERVER_STATUS_HOSTS: [],
  SERVER_WINNING_NUMBER: 7574,
};

/** The headers that are not about security. */
const OTHERS = ['allow', 'connection', 'content-length', 'content-type', 'date', 'keep-alive', 'transfer-encoding'];
/** Those of a login. */
const OF_LOGIN = ['location', 'retry-after', 'set-cookie', 'www-authenticate'];
const TOKEN = 'correct-horse-battery-staple';

const UNUSED_FEATURES =
  'accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), gamepad=(), ' +
  'geolocation=(), gyroscope=(), hid=(), idle-detection=(), magnetometer=(), microphone=(), midi=(), payment=(), ' +
  'picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), sync-xhr=(), usb=(), ' +
  'web-share=(), xr-spatial-tracking=()';

const EXPECTED = {
  'content-security-policy': loadPageDocument().policy,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-permitted-cross-domain-policies': 'none',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': UNUSED_FEATURES,
  'cache-control': 'no-store',
};

describe('the security headers of the status server', () => {
  let lottery: MemoryLottery;
  let site: StatusServer;
  let agent: Agent;

  beforeEach(async () => {
    lottery = createMemoryLottery();
    lottery.activity.phase = 'ready';
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
    site = await openStatusServer({ settings: SETTINGS, ...lottery, maxConnections: 8 });
  });

  afterEach(async () => {
    agent.destroy();
    await site.close();
  });

  async function ask(method: string, path: string, headers: IncomingHttpHeaders = {}): Promise<IncomingMessage> {
    const { hostname, port } = new URL(site.url);
    const sent = request({ hostname, port, path, method, headers, agent });
    const [response] = (await once(sent.end(), 'response')) as [IncomingMessage];
    response.on('error', () => {});
    return response;
  }

  /** The status of the answer, whose security headers are exactly the expected ones. */
  async function statusOf(
    method: string,
    path: string,
    headers: IncomingHttpHeaders = {},
    expected: object = EXPECTED,
  ): Promise<number> {
    const response = await ask(method, path, headers);
    const found = Object.entries(response.headers).filter(([name]) => ![...OTHERS, ...OF_LOGIN].includes(name));
    expect(Object.fromEntries(found), `${method} ${path}`).to.deep.equal(expected);
    if (path === '/events' && response.statusCode === 200) response.destroy();
    else response.resume();
    return response.statusCode!;
  }

  const paths = ['/', '/events', '/status.json', '/metrics', '/healthz', '/readyz', '/nothing'];
  const found = [200, 200, 200, 200, 200, 200, 404];
  const everywhere: readonly (readonly [string, IncomingHttpHeaders, readonly number[]])[] = [
    ['GET', {}, found],
    ['HEAD', {}, found],
    ['POST', {}, paths.map(() => 405)],
    ['DELETE', {}, paths.map(() => 405)],
    ['OPTIONS', {}, paths.map(() => 405)],
    ['GET', { host: 'evil.example' }, paths.map(() => 421)],
    ['HEAD', { host: 'evil.example' }, paths.map(() => 421)],
  ];
  for (const [method, headers, statuses] of everywhere) {
    it(`are the same for every path: ${method} ${JSON.stringify(headers)}`, async () => {
      const answered: number[] = [];
      for (const path of paths) answered.push(await statusOf(method, path, headers));
      expect(answered).to.deep.equal(statuses);
    });
  }

  it('are the same with 503, also without a free page', async () => {
    lottery.activity.phase = 'stopping';
    expect([await statusOf('GET', '/readyz'), await statusOf('HEAD', '/readyz')]).to.deep.equal([503, 503]);
    const pages: IncomingMessage[] = [];
    agent.maxSockets = 8;
    for (let page = 0; page < 4; page++) pages.push(await ask('GET', '/events'));
    expect(pages.map(({ statusCode }) => statusCode)).to.deep.equal([200, 200, 200, 200]);
    expect([await statusOf('GET', '/events'), await statusOf('HEAD', '/events')]).to.deep.equal([503, 503]);
    for (const page of pages) page.destroy();
  });

  it('demand https from then on, with TLS only', async () => {
    const secure = await openStatusServer({
      settings: SETTINGS,
      ...lottery,
      maxConnections: 8,
      identity: () => identity('server'),
    });
    for (const [path, headers] of [
      ['/', {}],
      ['/nothing', {}],
      ['/', { host: 'evil.example' }],
    ] as const) {
      const sent = requestTls(new URL(path, secure.url), {
        headers,
        ca: pem('ca'),
        servername: 'localhost',
        agent: false,
      }).end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      const found = Object.entries(response.headers).filter(([name]) => !OTHERS.includes(name));
      expect(Object.fromEntries(found)).to.deep.equal({
        ...EXPECTED,
        'strict-transport-security': 'max-age=31536000',
      });
      response.resume();
    }
    await secure.close();
  });

  it('are the same with a token, but for the forms', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'token-'));
    writeFileSync(join(directory, 'token'), TOKEN);
    const token = new TokenFile(join(directory, 'token'), lottery.log);
    await site.close();
    site = await openStatusServer({ settings: SETTINGS, ...lottery, maxConnections: 8, token });
    const withForms = {
      ...EXPECTED,
      'content-security-policy': loadPageWithLogin().page.policy,
      'referrer-policy': 'same-origin',
    };
    const withToken = { authorization: `Bearer ${TOKEN}` };
    const requests: readonly (readonly [number, string, string, IncomingHttpHeaders])[] = [
      ...['/', '/events', '/status.json', '/metrics', '/nothing'].flatMap((path) => [
        [401, 'GET', path, {}] as const,
        [401, 'HEAD', path, {}] as const,
        [path === '/nothing' ? 404 : 200, 'HEAD', path, withToken] as const,
      ]),
      [200, 'GET', '/login', {}],
      [200, 'GET', '/healthz', {}],
      [303, 'POST', '/logout', {}],
      [401, 'POST', '/login', {}],
      [403, 'POST', '/login', { origin: 'http://evil.example' }],
      [405, 'POST', '/metrics', withToken],
      [405, 'GET', '/logout', withToken],
      [411, 'POST', '/login', { 'transfer-encoding': 'chunked' }],
      [413, 'POST', '/login', { 'content-length': '2049' }],
      [421, 'GET', '/', { host: 'evil.example' }],
      ...Array.from({ length: 9 }, () => [401, 'GET', '/', { authorization: 'Bearer wrong' }] as const),
      [429, 'GET', '/', withToken],
      [429, 'POST', '/login', {}],
    ];
    for (const [status, method, path, headers] of requests) {
      const found = await statusOf(method, path, headers, withForms);
      expect(found, `${method} ${path} ${JSON.stringify(headers)}`).to.equal(status);
    }
    rmSync(directory, { recursive: true });
  });

  it('do not hinder Prometheus, which keeps its connection', async () => {
    const ports = new Set<number | undefined>();
    for (let scrape = 0; scrape < 3; scrape++) {
      const response = await ask('GET', '/metrics', PROMETHEUS_HEADERS);
      ports.add(response.socket.localPort);
      expect([response.statusCode, response.headers['content-type']]).to.deep.equal([
        200,
        'text/plain; version=0.0.4; charset=utf-8',
      ]);
      expect(metricsIn(await text(response))).to.include('lottery_bets');
    }
    expect(ports.size).to.equal(1);
  });
});
