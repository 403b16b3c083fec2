/// <reference lib="dom" />
import { expect } from 'chai';
import { findFreePort } from '../../tools/free_port';
import { type BetFields, formatBets, generateBets, storedRow, winnersAmong } from '../support/generated_bets';
import { LotterySandbox, type RunningServer } from '../support/lottery_sandbox';
import { message } from '../support/wire_client';
import { findBarriers, takePicture, TestBrowser, type WatchedPage, whyNoBrowser } from './browser';

const AGENCIES = [1, 2, 3, 4, 5];
const BETS_EACH = 4_000;
const VIEWS_WATCHED = ['desktop', 'dark', 'phone', 'darkPhone'] as const;
/** So many of its bets agency 4 gets through before the server is restarted under it. */
const FIRST_BETS = 40;

/** The cells of one agency's row, as they are read. */
interface Row {
  readonly agency: string;
  readonly state: string;
  readonly bets: string;
  readonly winners: string;
  readonly errors: string;
}

/** The tests tell the story of one night, from an empty server to the draw: each goes on where the one before it ended. */
describe('the status page in a browser', function () {
  this.timeout(60_000);
  const bets = new Map<number, BetFields[]>();
  const pages: WatchedPage[] = [];
  let sandbox: LotterySandbox;
  let browser: TestBrowser;
  let server: RunningServer;
  let settings: Record<string, string>;
  let url: string;
  let desktop: WatchedPage;
  let broken = false;

  before(async function () {
    const reason = whyNoBrowser();
    if (reason !== undefined) {
      this.test!.title += ` (${reason})`;
      this.skip();
    }
    sandbox = await LotterySandbox.create();
    for (const agency of AGENCIES) {
      bets.set(agency, generateBets(agency, BETS_EACH));
      await sandbox.write(`agency-${agency}.csv`, formatBets(bets.get(agency)!));
    }
    const statusPort = await findFreePort();
    url = `http://127.0.0.1:${statusPort}/`;
    settings = {
      SERVER_AGENCIES: String(AGENCIES.length),
      // A server that is started again is found by its agencies where it was.
      SERVER_PORT: String(await findFreePort()),
      SERVER_STATUS_PORT: String(statusPort),
      SERVER_WAIT_HOLD_MS: '100',
    };
    await startServer();
    browser = new TestBrowser();
    for (const view of VIEWS_WATCHED) pages.push(await browser.open(url, view));
    desktop = pages[0]!;
  });

  after(async () => {
    await (browser as TestBrowser | undefined)?.close();
    await (sandbox as LotterySandbox | undefined)?.dispose();
  });

  beforeEach(function () {
    if (broken) this.skip();
  });

  afterEach(function () {
    broken ||= this.currentTest?.state === 'failed';
  });

  async function startServer(): Promise<void> {
    server = await sandbox.startServer(settings);
    await server.app.line(/action: status_page \| result: success/);
  }

  /** Resolves once the element says so; every page must come to say it. */
  async function allSay(id: string, text: string | RegExp): Promise<void> {
    const pattern = typeof text === 'string' ? text : text.source;
    const isExact = typeof text === 'string';
    for (const { page } of pages) {
      await page.waitForFunction(
        ([id, pattern, isExact]) => {
          const said = document.getElementById(id)!.textContent;
          return isExact ? said === pattern : new RegExp(pattern).test(said);
        },
        [id, pattern, isExact] as const,
      );
    }
  }

  async function readRows({ page }: WatchedPage): Promise<Row[]> {
    return page.$$eval('#rows tr', (rows) =>
      rows.map((row) => {
        const [agency, state, bets, , , winners, errors] = Array.from(row.children, (cell) => cell.textContent);
        return { agency: agency!, state: state!, bets: bets!, winners: winners!, errors: errors! };
      }),
    );
  }

  const row = (agency: number, state: string, count: number, more: Partial<Row> = {}): Row => {
    return { agency: String(agency), state, bets: count.toLocaleString('en'), winners: '', errors: '', ...more };
  };

  /** Waits until every page's table is this one. */
  async function expectRows(expected: readonly Row[]): Promise<void> {
    for (const watched of pages) {
      await watched.page
        .waitForFunction((wanted) => {
          const rows = Array.from(document.querySelectorAll('#rows tr'), (row) =>
            Array.from(row.children, (cell) => cell.textContent),
          );
          const read = rows.map(([agency, state, bets, , , winners, errors]) => {
            return { agency, state, bets, winners, errors };
          });
          return JSON.stringify(read) === wanted;
        }, JSON.stringify(expected))
        .catch(() => {});
      expect(await readRows(watched)).to.deep.equal(expected);
    }
  }

  /** Keeps a picture of each page, and sees that it needs no scrolling sideways. */
  async function takePictures(name: string): Promise<void> {
    for (const [index, view] of VIEWS_WATCHED.entries()) {
      await takePicture(pages[index]!, `${name}-${view}`);
      const excess = await pages[index]!.page.evaluate(() => {
        return document.documentElement.scrollWidth - document.documentElement.clientWidth;
      });
      expect(excess, view).to.equal(0);
    }
  }

  async function expectNoBarriers(): Promise<void> {
    for (const watched of pages) expect(await findBarriers(watched)).to.deep.equal([]);
  }

  it('shows a night that has not begun: all agencies absent, no bets, no draw', async () => {
    await allSay('link-text', 'Live');
    await allSay('bets', '0');
    await allSay('finished', '0');
    await allSay('expected', '5');
    await allSay('draw', 'Not yet');
    await allSay('draw-aside', 'waits for 5 of the agencies');
    await allSay('peak', 'no bets in the last 3 minutes');
    await expectRows(AGENCIES.map((agency) => row(agency, 'absent', 0)));
    await expectNoBarriers();
    await takePictures('empty');
  });

  it('follows real agencies while they upload and finish', async () => {
    for (const agency of [1, 2, 3]) sandbox.startClient(server.port, agency);
    const slow = await sandbox.connect(server.port);
    expect(await slow.ask('N', '4')).to.equal('O 0');
    const first = bets
      .get(4)!
      .slice(0, FIRST_BETS)
      .map((bet) => storedRow(4, bet));
    expect(await slow.ask('B', first.join('\n'))).to.equal(`O ${FIRST_BETS}`);

    await expectRows([
      ...[1, 2, 3].map((agency) => row(agency, 'finished', BETS_EACH)),
      row(4, 'uploading, idle', FIRST_BETS),
      row(5, 'absent', 0),
    ]);
    await allSay('bets', (3 * BETS_EACH + FIRST_BETS).toLocaleString('en'));
    await allSay('finished', '3');
    await allSay('states', '1 uploading, 1 absent');
    for (const { page } of pages) {
      const label = await page.locator('#rows tr').first().getByRole('img').getAttribute('aria-label');
      expect(label).to.match(/^Agency 1: [\d,]+ bets in the last second, at most [1-9][\d,]* in a second$/);
    }
  });

  it("shows which agency's session ended with an error, and why", async () => {
    const wrong = await sandbox.connect(server.port);
    wrong.write(message('N', '5'), message('B', '5,Ana,Paz,30904465x,1999-03-17,7574'));
    expect((await wrong.rest())[1]).to.match(/^E bad-bet: /);
    await allSay('errors', '1');
    await allSay('errors-aside', '1 bad-bet');
    const [last] = (await readRows(desktop)).slice(-1);
    expect(last!.errors).to.match(/^1, last bad-bet at \d\d:\d\d:\d\d$/);
    await expectNoBarriers();
    await takePictures('uploading');
  });

  it('says when the server has stopped in good order, which is no error', async () => {
    await server.app.stop('SIGTERM');
    await allSay('link-text', /^Server stopped at \d\d:\d\d:\d\d, this is how it was\. Trying again…$/);
    await allSay('news', 'The server has stopped. Waiting for it.');
    await allSay('errors', '1');
    expect(await desktop.page.title()).to.equal('Stopped · Lottery: the night of the draw');
    await expectNoBarriers();
    await takePictures('stopped');
  });

  it('says when it has lost the server, and keeps what it last knew', async () => {
    await startServer();
    await allSay('link-text', 'Live');
    await server.app.stop('SIGKILL');
    await allSay('link-text', /^Server lost at \d\d:\d\d:\d\d, this is how it was\. Trying again…$/);
    await allSay('news', 'The server is lost. Trying again.');
    await allSay('bets', (3 * BETS_EACH + FIRST_BETS).toLocaleString('en'));
    expect(await desktop.page.title()).to.equal('Lost · Lottery: the night of the draw');
    await expectNoBarriers();
    await takePictures('lost');
  });

  it('comes back by itself with the server, with all that is stored', async () => {
    await startServer();
    await allSay('link-text', 'Live');
    await allSay('news', 'The server is back.');
    await expectRows([
      ...[1, 2, 3].map((agency) => row(agency, 'finished', BETS_EACH)),
      row(4, 'absent', FIRST_BETS),
      row(5, 'absent', 0),
    ]);
    await allSay('errors', '0');
  });

  it('shows the draw, and each agency with as many winners as its bets have', async () => {
    for (const agency of [4, 5]) sandbox.startClient(server.port, agency);
    const winners = AGENCIES.map((agency) => winnersAmong(bets.get(agency)!).length);
    expect(Math.min(...winners)).to.be.greaterThan(0);
    await expectRows(
      AGENCIES.map((agency, index) => row(agency, 'has its winners', BETS_EACH, { winners: String(winners[index]) })),
    );
    const total = winners.reduce((sum, count) => sum + count, 0);
    await allSay('draw', 'No. 7574');
    await allSay('draw-aside', `held: ${total} winning bets`);
    await allSay('finished', '5');
    await allSay('news', `The draw has been held: ${total} winning bets.`);
    await allSay('states', 'all have their winners');
    expect(await desktop.page.title()).to.equal('No. 7574 · Lottery: the night of the draw');
    await expectNoBarriers();
    await takePictures('drawn');
  });

  it('is all that it needs: it has asked for nothing but itself and its updates, and nothing was refused', () => {
    for (const { requests, problems } of pages) {
      expect(new Set(requests)).to.deep.equal(new Set([url, `${url}events`]));
      // The server was stopped and killed under them.
      const own = problems.filter((text) => !/ERR_(?:CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING)/.test(text));
      expect(own).to.deep.equal([]);
    }
  });

  it('names no person and no document, in none of what it serves', async () => {
    const served = [await desktop.page.content()];
    for (const path of ['status.json', 'metrics'])
      served.push(withoutMeasurements(await (await fetch(url + path)).text()));
    for (const text of served) {
      for (const [, , document] of Array.from(bets.values()).flat()) expect(text).not.to.contain(document);
      expect(text).not.to.match(/Ñandú|Łucja|Gómez|Paz/);
    }
  });

  it('can be used with the keyboard alone', async () => {
    const { page } = desktop;
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    const reached: string[] = [];
    for (let press = 0; press < 6; press++) {
      await page.keyboard.press('Tab');
      reached.push(await page.evaluate(() => document.activeElement!.id || document.activeElement!.textContent));
    }
    expect(reached).to.deep.equal(['Skip to the agencies', 'filter', 'sort', 'search', 'status.json', 'metrics']);
    await page.locator('#search').focus();
    await page.keyboard.type('4');
    await page.waitForFunction(() => document.querySelectorAll('#rows tr').length === 1);
    expect((await readRows(desktop)).map(({ agency }) => agency)).to.deep.equal(['4']);
    expect(await page.textContent('#news')).to.equal('1 of 5 agencies shown.');
    await page.keyboard.type('2');
    await page.locator('#none').waitFor({ state: 'visible' });
    await takePicture(desktop, 'focus-desktop');
  });
});

/** The metrics without the values that are measured: bytes and seconds can have the digits of any document. */
function withoutMeasurements(text: string): string {
  return text.replaceAll(/^((?:process|nodejs)_\S+|\S+_(?:seconds_sum|bytes_total)) \S+$/gm, '$1');
}
