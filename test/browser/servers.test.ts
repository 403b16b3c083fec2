/// <reference lib="dom" />
import { expect } from 'chai';
import { findFreePort } from '../../tools/free_port';
import { type App } from '../support/app';
import { LotterySandbox } from '../support/lottery_sandbox';
import { ownPostgres, type PostgresServer } from '../support/postgres_server';
import { findBarriers, takePicture, TestBrowser, type WatchedPage, whyNoBrowser } from './browser';

const VIEWS_WATCHED = ['desktop', 'dark', 'phone', 'darkPhone', 'narrow'] as const;

/** A longer name has no room on a phone. */
const LONG_NAME = 'lottery-server-2.national-lottery-of-a-country.example';

/** The page of one server of two, from their start to a killed server and a stopped database. The tests depend on each other. */
describe('the status page with servers and a database', function () {
  this.timeout(60_000);
  const pages: WatchedPage[] = [];
  let postgres: PostgresServer;
  let sandbox: LotterySandbox;
  let browser: TestBrowser;
  let url: string;
  let port: number;
  let other: App;
  let hasFailed = false;

  before(async function () {
    const reason = whyNoBrowser();
    if (reason !== undefined) {
      this.test!.title += ` (${reason})`;
      this.skip();
    }
    postgres = await ownPostgres(this, {});
    sandbox = await LotterySandbox.create();
    const settings = {
      SERVER_STORE: 'postgres',
      SERVER_DATABASE_URL: postgres.url(await postgres.createDatabase()),
      SERVER_AGENCIES: '2',
    };
    const statusPort = String(await findFreePort());
    const server = await sandbox.startServer({ ...settings, SERVER_NAME: 'server1', SERVER_STATUS_PORT: statusPort });
    await server.app.line(/action: status_page \| result: success/);
    url = `http://127.0.0.1:${statusPort}/`;
    const second = await sandbox.startServer({ ...settings, SERVER_NAME: LONG_NAME });
    other = second.app;
    port = second.port;
    browser = await TestBrowser.launch();
    for (const view of VIEWS_WATCHED) pages.push(await browser.open(url, view));
  });

  after(async () => {
    await (browser as TestBrowser | undefined)?.close();
    await (sandbox as LotterySandbox | undefined)?.dispose();
    await (postgres as PostgresServer | undefined)?.stop();
  });

  beforeEach(function () {
    if (hasFailed) this.skip();
  });

  afterEach(function () {
    hasFailed ||= this.currentTest?.state === 'failed';
  });

  /** Waits until an element of every page has a text that matches. */
  async function expectText(id: string, pattern: RegExp): Promise<void> {
    for (const { page } of pages) {
      await page
        .waitForFunction(([id, source]) => new RegExp(source).test(document.getElementById(id)!.textContent), [
          id,
          pattern.source,
        ] as const)
        .catch(() => {});
      expect(await page.textContent(`#${id}`), id).to.match(pattern);
    }
  }

  /** Waits until every page has these servers, as name, state, sessions and rate. */
  async function expectServers(expected: readonly RegExp[]): Promise<void> {
    for (const { page } of pages) {
      const read = (): Promise<string[]> =>
        page.$$eval('#servers tr', (rows) => {
          return rows.map((row) => Array.from(row.children, (cell) => cell.textContent).join(' | '));
        });
      const deadline = performance.now() + 15_000;
      let rows = await read();
      const isSo = (): boolean =>
        rows.length === expected.length && expected.every((pattern, index) => pattern.test(rows[index]!));
      while (!isSo() && performance.now() < deadline) {
        await page.waitForTimeout(100);
        rows = await read();
      }
      expect(rows).to.have.length(expected.length);
      for (const [index, pattern] of expected.entries()) expect(rows[index]).to.match(pattern);
    }
  }

  /** Takes a picture of each page, and checks that none needs horizontal scrolling. */
  async function takePictures(name: string): Promise<void> {
    for (const [index, view] of VIEWS_WATCHED.entries()) {
      await takePicture(pages[index]!, `servers-${name}-${view}`);
      const excess = await pages[index]!.page.evaluate(() => {
        return document.documentElement.scrollWidth - document.documentElement.clientWidth;
      });
      expect(excess, view).to.equal(0);
    }
  }

  async function expectNoBarriers(): Promise<void> {
    for (const watched of pages) expect(await findBarriers(watched)).to.deep.equal([]);
  }

  const lineOf = (name: string, state: string): RegExp =>
    new RegExp(`^${name} \\| ${state} \\| (?:–|\\d+) \\| (?:–|[\\d,]+) \\| \\S.*\\d`);

  it('shows both servers, and the database', async () => {
    const client = await sandbox.connect(port);
    expect(await client.ask('N', '1')).to.equal('O 0');
    expect(await client.ask('B', '1,Ana,Paz,30904465,1999-03-17,42')).to.equal('O 1');
    const ownServer = lineOf('server1 \\(this server\\)', 'alive');
    await expectServers([lineOf(LONG_NAME, 'alive'), ownServer]);
    await expectServers([
      new RegExp(`^${LONG_NAME} \\| alive \\| 1 \\| `),
      /^server1 \(this server\) \| alive \| 0 \| 0 \| /,
    ]);
    await expectText('bets', /^1$/);
    await expectText('link-text', /^Live$/);
    await expectText('commit-time', /^no commits$/);
    await expectText('connections', /^[0-4] of 4 in use$/);
    await expectText('connections-lost', /^0$/);
    await expectText('failovers', /^0$/);
    await expectText('retries', /^0$/);
    await expectText('unknown-outcomes', /^0$/);
    await expectText('connection-waits', /^\d+$/);
    await expectText('standbys', /^none connected$/);
    await expectText('errors-aside', /^on this server since its start$/);
    for (const { page } of pages) expect(await page.isVisible('#database-fault')).to.equal(false);
    await expectNoBarriers();
    await takePictures('alive');
  });

  it('shows a killed server as lost', async () => {
    await other.stop('SIGKILL');
    await expectServers([
      new RegExp(`^${LONG_NAME} \\| lost, last seen \\d\\d:\\d\\d:\\d\\d \\| – \\| – \\| `),
      /^server1 \(this server\) \| alive \| /,
    ]);
    await expectNoBarriers();
    await takePictures('lost');
  });

  it('shows that the database accepts no writes, keeps the last state, and shows the return', async () => {
    await postgres.kill('SIGINT');
    await expectText('link-text', /^Live; the database accepts no writes$/);
    await expectText(
      'database-fault',
      /^The database accepts no writes: no bet can be stored\. The page shows the lottery as of \d\d:\d\d:\d\d: the database could not be read since\.$/,
    );
    await expectText('news', /^The database accepts no writes\.$/);
    await expectText('bets', /^1$/);
    await expectText('connections-lost', /^[1-9]\d*$/);
    for (const { page } of pages) expect(await page.isVisible('#database-fault')).to.equal(true);
    await expectNoBarriers();
    await takePictures('unwritable');

    await postgres.launch();
    await expectText('link-text', /^Live$/);
    await expectText('news', /^The database accepts writes again\.$/);
    await expectText('database-fault', /^$/);
  });

  it('has reported no error, and no personal data', async () => {
    for (const { page, problems } of pages) {
      expect(problems).to.deep.equal([]);
      expect(await page.content()).not.to.match(/Ana|Paz\b|3090446/);
    }
  });
});
