/// <reference lib="dom" />
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { expect } from 'chai';
import { findFreePort } from '../../tools/free_port';
import { LotteryCertificates } from '../support/lottery_certificates';
import { LotterySandbox, type RunningServer } from '../support/lottery_sandbox';
import { findBarriers, takePicture, TestBrowser, type WatchedPage, whyNoBrowser } from './browser';

const TOKEN = 'correct-horse-battery-staple';
/** Chromium's line for a response with this status. */
const UNAUTHORIZED = /^Failed to load resource: the server responded with a status of 401/;

describe('the login of the status page in a browser', function () {
  this.timeout(90_000);
  let sandbox: LotterySandbox;
  let browser: TestBrowser;
  let url: string;

  before(function () {
    const reason = whyNoBrowser();
    if (reason === undefined) return;
    this.test!.title += ` (${reason})`;
    this.skip();
  });

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    browser = await TestBrowser.launch();
  });

  afterEach(async () => {
    await browser.close();
    await sandbox.dispose();
  });

  async function startServer(more: Record<string, string> = {}): Promise<RunningServer> {
    const server = await sandbox.startServer({
      SERVER_AGENCIES: '2',
      SERVER_STATUS_PORT: String(await findFreePort()),
      SERVER_STATUS_TOKEN_FILE: await sandbox.write('token', TOKEN),
      ...more,
    });
    const line = await server.app.line(/action: status_page \| result: success/);
    url = /url: (\S+)/.exec(line)![1]!;
    return server;
  }

  async function logIn({ page }: WatchedPage, token = TOKEN): Promise<void> {
    await page.fill('#token', token);
    await page.press('#token', 'Enter');
  }

  const waitForLive = ({ page }: WatchedPage): Promise<unknown> =>
    page.waitForFunction(() => document.getElementById('link-text')?.textContent === 'Live');
  const problemsOf = ({ problems }: WatchedPage): string[] => problems.filter((text) => !UNAUTHORIZED.test(text));

  it('works without JavaScript', async () => {
    await startServer();
    const watched = await browser.open(url, 'desktop', { javaScriptEnabled: false });
    const { page } = watched;
    expect(await page.title()).to.equal('Lottery: log in');
    // The field has the focus. Without scripts, Playwright cannot wait for a stable element.
    const attached = { state: 'attached' } as const;
    for (const token of ['a-wrong-token-of-somebody', TOKEN]) {
      await page.waitForSelector('#token:focus', attached);
      await page.keyboard.type(token);
      await page.keyboard.press('Enter');
      if (token !== TOKEN) await page.waitForSelector('[role=alert]:has-text("this is not the token")', attached);
    }
    await page.waitForSelector('.notice:has-text("This page needs JavaScript")', attached);
    expect(page.url()).to.equal(url);
    await page.focus('#logout button');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#token', attached);
    expect(page.url()).to.equal(`${url}login`);
    await page.goto(url);
    expect(await page.title()).to.equal('Lottery: log in');
    expect(problemsOf(watched)).to.deep.equal([]);
  });

  for (const view of ['desktop', 'dark', 'narrow', 'darkPhone'] as const) {
    it(`has no barriers, and shows the live page afterwards (${view})`, async () => {
      await startServer();
      const watched = await browser.open(url, view);
      const { page } = watched;
      expect(await page.evaluate(() => document.activeElement?.id)).to.equal('token');
      expect(await findBarriers(watched)).to.deep.equal([]);
      await takePicture(watched, `login-${view}`);
      await logIn(watched, 'a-wrong-token-of-somebody');
      await page.waitForSelector('[role=alert]');
      expect(await findBarriers(watched)).to.deep.equal([]);
      await logIn(watched);
      await waitForLive(watched);
      await takePicture(watched, `logged-in-${view}`);
      expect(await findBarriers(watched)).to.deep.equal([]);
      const excess = await page.evaluate(() => {
        return document.documentElement.scrollWidth - document.documentElement.clientWidth;
      });
      expect(excess).to.equal(0);
      expect(problemsOf(watched)).to.deep.equal([]);
      expect(new Set(watched.requests.map((request) => new URL(request).pathname))).to.deep.equal(
        new Set(['/', '/login', '/events']),
      );
    });
  }

  it('comes back in place of the page after the end of the session', async () => {
    const { app } = await startServer();
    const watched = await browser.open(url, 'desktop');
    await logIn(watched);
    await waitForLive(watched);
    await sandbox.write('token', 'another-token-of-this-server');
    await app.line(/action: status_token \| result: success/);
    await watched.page.waitForSelector('#token');
    expect(await watched.page.$('[role=alert]')).to.equal(null);
    await logIn(watched, 'another-token-of-this-server');
    await waitForLive(watched);
    expect(problemsOf(watched)).to.deep.equal([]);
  });

  it('has a cookie that scripts cannot read, with TLS for https only', async () => {
    const certificates = await LotteryCertificates.create(sandbox, 1);
    for (const tls of [{}, certificates.server]) {
      const { app } = await startServer({ SERVER_DATA_DIR: sandbox.path(`store-${Object.keys(tls).length}`), ...tls });
      const usesTls = url.startsWith('https:');
      const watched = await browser.open(url, 'desktop', { ignoreHTTPSErrors: true });
      await logIn(watched);
      await waitForLive(watched);
      expect(await watched.page.evaluate(() => document.cookie)).to.equal('');
      const cookies = await watched.page.context().cookies();
      expect(
        cookies.map(({ name, value, ...more }) => ({
          ...more,
          name: name.replace(/_[0-9a-f]{8}$/, ''),
          value: value.length,
        })),
      ).to.deep.equal([
        {
          ...{ name: usesTls ? '__Host-lottery' : 'lottery', value: 43, domain: '127.0.0.1', path: '/' },
          ...{ expires: -1, httpOnly: true, secure: usesTls, sameSite: 'Strict' },
        },
      ]);
      expect(problemsOf(watched)).to.deep.equal([]);
      await app.stop('SIGTERM');
    }
  });

  it('is out of reach for the forms of other sites', async () => {
    await startServer();
    const watched = await browser.open(url, 'desktop');
    await logIn(watched);
    await waitForLive(watched);
    const site = createServer((_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(`<form method="post" action="${url}logout"><button id="trap">Win</button></form>`);
    });
    await once(site.listen(0, '127.0.0.1'), 'listening');
    const { page } = watched;
    await page.goto(`http://localhost:${(site.address() as AddressInfo).port}/`);
    await page.click('#trap');
    await page.waitForFunction(() => document.body.textContent?.includes('a page of another site sent this request'));
    await page.goto(url);
    await waitForLive(watched);
    site.close();
    site.closeAllConnections();
  });
});
