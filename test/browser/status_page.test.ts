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
/** The number of agency 4's stored bets before the restart of the server. */
const FIRST_BETS = 40;

/** The texts of the cells in an agency's row. */
interface Row {
  readonly agency: string;
  readonly state: string;
  readonly bets: string;
  readonly winners: string;
  readonly errors: string;
}

/** The tests follow one lottery from an empty server to the draw. Each continues from the previous one. */
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
      // A restarted server has the same port.
      SERVER_PORT: String(await findFreePort()),
      SERVER_STATUS_PORT: String(statusPort),
      SERVER_WAIT_HOLD_MS: '100',
    };
    await startServer();
    browser = await TestBrowser.launch();
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

  /** Waits until the element has this text on every page. */
  async function waitForText(id: string, text: string | RegExp): Promise<void> {
    const pattern = typeof text === 'string' ? text : text.source;
    const isExact = typeof text === 'string';
    for (const { page } of pages) {
      await page.waitForFunction(
        ([id, pattern, isExact]) => {
          const shown = document.getElementById(id)!.textContent;
          return isExact ? shown === pattern : new RegExp(pattern).test(shown);
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

  /** Waits until every page has this table. */
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

  /** Saves a screenshot of each page, and requires that it has no horizontal scrolling. */
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

  it('shows an unused server: all agencies absent, no bets, no draw', async () => {
    await waitForText('link-text', 'Live');
    await waitForText('bets', '0');
    await waitForText('finished', '0');
    await waitForText('expected', '5');
    await waitForText('draw', 'Not yet');
    await waitForText('draw-aside', 'waits for 5 of the agencies');
    await waitForText('peak', 'no bets in the last 3 minutes');
    await expectRows(AGENCIES.map((agency) => row(agency, 'absent', 0)));
    for (const { page } of pages) expect(await page.isVisible('#servers-section')).to.equal(false);
    await expectNoBarriers();
    await takePictures('empty');
  });

  it('shows the uploads and finishes of real agencies', async () => {
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
    await waitForText('bets', (3 * BETS_EACH + FIRST_BETS).toLocaleString('en'));
    await waitForText('finished', '3');
    await waitForText('states', '1 uploading, 1 absent');
    for (const { page } of pages) {
      const label = await page.locator('#rows tr').first().getByRole('img').getAttribute('aria-label');
      expect(label).to.match(/^Agency 1: [\d,]+ bets in the last second, at most [1-9][\d,]* in a second$/);
    }
  });

  it('shows the agency and the code of an error', async () => {
    const wrong = await sandbox.connect(server.port);
    wrong.write(message('N', '5'), message('B', '5,Ana,Paz,30904465x,1999-03-17,7574'));
    expect((await wrong.rest())[1]).to.match(/^E bad-bet: /);
    await waitForText('errors', '1');
    await waitForText('errors-aside', '1 bad-bet');
    const [last] = (await readRows(desktop)).slice(-1);
    expect(last!.errors).to.match(/^1, last bad-bet at \d\d:\d\d:\d\d$/);
    await expectNoBarriers();
    await takePictures('uploading');
  });

  it('shows the orderly stop of the server, without an error', async () => {
    await server.app.stop('SIGTERM');
    await waitForText('link-text', /^Server stopped at \d\d:\d\d:\d\d, this is how it was\. Trying again…$/);
    await waitForText('news', 'The server has stopped. Waiting for it.');
    await waitForText('errors', '1');
    expect(await desktop.page.title()).to.equal('Stopped · Lottery: the night of the draw');
    await expectNoBarriers();
    await takePictures('stopped');
  });

  it('shows the loss of the server, and keeps the last figures', async () => {
    await startServer();
    await waitForText('link-text', 'Live');
    await server.app.stop('SIGKILL');
    await waitForText('link-text', /^Server lost at \d\d:\d\d:\d\d, this is how it was\. Trying again…$/);
    await waitForText('news', 'The server is lost. Trying again.');
    await waitForText('bets', (3 * BETS_EACH + FIRST_BETS).toLocaleString('en'));
    expect(await desktop.page.title()).to.equal('Lost · Lottery: the night of the draw');
    await expectNoBarriers();
    await takePictures('lost');
  });

  it('reconnects to a restarted server by itself, and shows all stored bets', async () => {
    await startServer();
    await waitForText('link-text', 'Live');
    await waitForText('news', 'The server is back.');
    await expectRows([
      ...[1, 2, 3].map((agency) => row(agency, 'finished', BETS_EACH)),
      row(4, 'absent', FIRST_BETS),
      row(5, 'absent', 0),
    ]);
    await waitForText('errors', '0');
  });

  it('shows the draw, and the number of winners of each agency', async () => {
    for (const agency of [4, 5]) sandbox.startClient(server.port, agency);
    const winners = AGENCIES.map((agency) => winnersAmong(bets.get(agency)!).length);
    expect(Math.min(...winners)).to.be.greaterThan(0);
    await expectRows(
      AGENCIES.map((agency, index) => row(agency, 'has its winners', BETS_EACH, { winners: String(winners[index]) })),
    );
    const total = winners.reduce((sum, count) => sum + count, 0);
    await waitForText('draw', 'No. 7574');
    await waitForText('draw-aside', `held: ${total} winning bets`);
    await waitForText('finished', '5');
    await waitForText('news', `The draw has been held: ${total} winning bets.`);
    await waitForText('states', 'all have their winners');
    expect(await desktop.page.title()).to.equal('No. 7574 · Lottery: the night of the draw');
    await expectNoBarriers();
    await takePictures('drawn');
  });

  it('requests only itself and its updates, and its policy blocks nothing', () => {
    for (const { requests, problems } of pages) {
      expect(new Set(requests)).to.deep.equal(new Set([url, `${url}events`]));
      // The stop and the kill of the server cause these errors.
      const own = problems.filter((text) => !/ERR_(?:CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING)/.test(text));
      expect(own).to.deep.equal([]);
    }
  });

  it('contains no personal data', async () => {
    const served = [await desktop.page.content()];
    for (const path of ['status.json', 'metrics'])
      served.push(withoutMeasurements(await (await fetch(url + path)).text()));
    for (const text of served) {
      for (const [, , document] of Array.from(bets.values()).flat()) expect(text).not.to.contain(document);
      expect(text).not.to.match(/Ñandú|Łucja|Gómez|Paz/);
    }
  });

  it('is usable with the keyboard only', async () => {
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

/** The metrics without measured values. Bytes and seconds could have the digits of a document. */
function withoutMeasurements(text: string): string {
  return text.replaceAll(/^((?:process|nodejs)_\S+|\S+_(?:seconds_sum|bytes_total)) \S+$/gm, '$1');
}
