/// <reference lib="dom" />
import { expect } from 'chai';
import { findFreePort } from '../../tools/free_port';
import { LotterySandbox } from '../support/lottery_sandbox';
import { findBarriers, TestBrowser, type WatchedPage, whyNoBrowser } from './browser';

const EXPECTED = 1_500;
const ROWS_A_PAGE = 50;

describe('the status page with many agencies', function () {
  this.timeout(60_000);
  let sandbox: LotterySandbox;
  let browser: TestBrowser;
  let phone: WatchedPage;
  let desktop: WatchedPage;

  before(async function () {
    const reason = whyNoBrowser();
    if (reason !== undefined) {
      this.test!.title += ` (${reason})`;
      this.skip();
    }
    sandbox = await LotterySandbox.create();
    const { app, port } = await sandbox.startServer({
      SERVER_AGENCIES: String(EXPECTED),
      SERVER_STATUS_PORT: String(await findFreePort()),
    });
    const url = /url: (\S+)/.exec(await app.line(/action: status_page \| result: success/))![1]!;
    // Every agency connects. Its number of bets is the last digit of its id, and it finishes if the id is even.
    for (let agency = 1; agency <= EXPECTED; agency++) {
      const connection = await sandbox.connect(port);
      expect(await connection.ask('N', String(agency))).to.equal('O 0');
      const rows = Array.from({ length: agency % 10 }, (_, row) => `${agency},Ana,Paz,${row + 1},1999-03-17,${row}`);
      if (rows.length > 0) expect(await connection.ask('B', rows.join('\n'))).to.equal(`O ${rows.length}`);
      if (agency % 2 === 0) expect(await connection.ask('F')).to.equal(`O ${rows.length}`);
      connection.destroy();
    }
    browser = await TestBrowser.launch();
    desktop = await browser.open(url, 'desktop');
    phone = await browser.open(url, 'phone');
  });

  after(async () => {
    await (browser as TestBrowser | undefined)?.close();
    await (sandbox as LotterySandbox | undefined)?.dispose();
  });

  /** Waits until the page shows these agencies, with the text `shown`. */
  async function expectShown({ page }: WatchedPage, shown: string, agencies: readonly number[]): Promise<void> {
    const read = () => [
      document.getElementById('shown')!.textContent,
      ...Array.from(document.querySelectorAll('#rows th'), (cell) => Number(cell.textContent)),
    ];
    const wanted = [shown, ...agencies];
    await page
      .waitForFunction(
        ([text, ...ids]) =>
          document.getElementById('shown')!.textContent === text &&
          Array.from(document.querySelectorAll('#rows th'), (cell) => cell.textContent).join() === ids.join(),
        wanted,
      )
      .catch(() => {});
    expect(await page.evaluate(read)).to.deep.equal(wanted);
  }

  const numbers = (first: number, step: number): number[] =>
    Array.from({ length: ROWS_A_PAGE }, (_, index) => first + index * step);

  it('shows the totals, and the agencies page by page', async () => {
    for (const watched of [desktop, phone]) {
      await expectShown(watched, '1 to 50 of 1,500', numbers(1, 1));
      await watched.page.waitForFunction(() => document.getElementById('finished')!.textContent === '750');
      expect(await watched.page.textContent('#bets')).to.equal('6,750');
      await watched.page.click('#next');
      await expectShown(watched, '51 to 100 of 1,500', numbers(51, 1));
      await watched.page.click('#previous');
      expect(await findBarriers(watched)).to.deep.equal([]);
      expect(watched.problems).to.deep.equal([]);
    }
  });

  it('filters, sorts and searches the agencies', async () => {
    const { page } = desktop;
    await page.selectOption('#filter', 'finished');
    await expectShown(desktop, '1 to 50 of 750', numbers(2, 2));
    await page.selectOption('#sort', 'bets');
    await expectShown(desktop, '1 to 50 of 750', numbers(8, 10));
    await page.fill('#search', '148');
    await expectShown(desktop, '1 to 6 of 6', [148, 1488, 1486, 1484, 1482, 1480]);
  });
});
