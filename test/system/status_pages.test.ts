import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { type StatusReport } from '../../apps/server/status/report/status_report';
import { findFreePort } from '../../tools/free_port';
import { formatBets, generateBets } from '../support/generated_bets';
import { LotterySandbox, type RunningServer } from '../support/lottery_sandbox';

const PAGES = 50;
const MOST_PAGES = 200;
const VISITS = 300;
const BETS = 5_000;
const AGENCIES = [1, 2];

/** An open page and its received text. */
interface OpenPage {
  readonly response: IncomingMessage;
  text: string;
}

describe('a server with many open pages', function () {
  this.timeout(60_000);
  let sandbox: LotterySandbox;
  let server: RunningServer;
  let url: string;
  let agent: Agent;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    agent = new Agent();
    server = await sandbox.startServer({
      SERVER_AGENCIES: String(AGENCIES.length),
      SERVER_STATUS_PORT: String(await findFreePort()),
      SERVER_WAIT_HOLD_MS: '100',
    });
    url = /url: (\S+)/.exec(await server.app.line(/action: status_page \| result: success/))![1]!;
  });

  afterEach(async () => {
    agent.destroy();
    await sandbox.dispose();
  });

  async function request(path: string): Promise<IncomingMessage> {
    const [response] = (await once(get(url + path, { agent }), 'response')) as [IncomingMessage];
    response.on('error', () => {});
    return response;
  }

  async function open(): Promise<OpenPage> {
    const page: OpenPage = { response: await request('events'), text: '' };
    page.response.setEncoding('utf8').on('data', (text: string) => (page.text += text));
    return page;
  }

  /** Resolves once the page has received matching text. */
  async function waitForText(page: OpenPage, pattern: RegExp): Promise<void> {
    while (!pattern.test(page.text)) await once(page.response, 'data', { signal: AbortSignal.timeout(15_000) });
  }

  async function metric(name: string): Promise<number> {
    const text = await (await fetch(`${url}metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)![1]);
  }

  async function metricBecomes(name: string, wanted: (value: number) => boolean): Promise<void> {
    const deadline = performance.now() + 10_000;
    for (;;) {
      const value = await metric(name);
      if (wanted(value)) return;
      if (performance.now() > deadline) throw new Error(`${name} is still ${value}`);
      await delay(100);
    }
  }

  it('stores every bet, and updates each page, beside clients without a reader', async () => {
    const pages = await Promise.all(Array.from({ length: PAGES }, () => open()));
    // These clients send many requests, and read no answer.
    const unread = Array.from({ length: 20 }, () => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      socket.on('error', () => {});
      socket.pause();
      socket.write('GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(200));
      socket.write('GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
      return socket;
    });
    for (const agency of AGENCIES) await sandbox.write(`agency-${agency}.csv`, formatBets(generateBets(agency, BETS)));
    const clients = AGENCIES.map((agency) => sandbox.startClient(server.port, agency));
    for (const client of clients) expect((await client.end(30_000)).code).to.equal(0);
    expect(await sandbox.storedRows()).to.have.length(BETS * AGENCIES.length);

    for (const page of pages) await waitForText(page, /"winners":2\}\},"draw":\{"held":true,"number":7574/);
    const reports = pages.map(({ text }) => text.trimEnd().split('\n').at(-1)!.slice('data: '.length));
    for (const report of reports) {
      expect((JSON.parse(report) as StatusReport).bets.stored).to.equal(BETS * AGENCIES.length);
    }
    for (const socket of unread) socket.destroy();
  });

  it('releases all resources of closed pages', async () => {
    const descriptors = await metric('process_open_fds');
    for (let visit = 0; visit < VISITS; visit += 25) {
      const pages = await Promise.all(Array.from({ length: 25 }, () => open()));
      for (const page of pages) await waitForText(page, /event: whole/);
      for (const { response } of pages) response.destroy();
    }
    await metricBecomes('lottery_status_pages_open', (pages) => pages === 0);
    // The requests for the metrics have a few connections of their own.
    await metricBecomes('process_open_fds', (open) => open <= descriptors + 5);
  });

  it('refuses pages beyond its limit, and accepts one after the close of another', async () => {
    const pages = await Promise.all(Array.from({ length: MOST_PAGES }, () => open()));
    const refused = await request('events');
    expect(refused.statusCode).to.equal(503);
    refused.resume();
    const others = await Promise.all(['healthz', 'readyz', 'status.json'].map((path) => fetch(url + path)));
    expect(others.map(({ status }) => status)).to.deep.equal([200, 200, 200]);
    expect(await (await sandbox.connect(server.port)).ask('N', '1')).to.equal('O 0');
    pages[0]!.response.destroy();
    await metricBecomes('lottery_status_pages_open', (open) => open === MOST_PAGES - 1);
    expect((await request('events')).statusCode).to.equal(200);
  });
});
