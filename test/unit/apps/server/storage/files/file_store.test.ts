import { expect } from 'chai';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readBetBatch } from '../../../../../../apps/protocol/bet_batch';
import { type BetRepository } from '../../../../../../apps/server/domain/bet_repository';
import { createServerContainer } from '../../../../../../apps/server/container';
import { type FinishTracker } from '../../../../../../apps/server/domain/finish_tracker';
import { SERVER_SETTINGS } from '../../../../../../apps/server/settings';
import { type LotteryOverview } from '../../../../../../apps/server/domain/lottery_overview';
import { NEVER_STOPPED } from '../../../../../../apps/server/domain/stop';
import { type Store } from '../../../../../../apps/server/domain/store';
import { TOKENS } from '../../../../../../apps/server/tokens';
import { type WinnerService } from '../../../../../../apps/server/domain/winner_service';
import { loadSettings } from '../../../../../../apps/runtime/settings';
import { createMemoryLog } from '../../../../../support/memory_lottery';
import { expectCode } from '../../../../../support/rejection';
import { readAgencies } from '../../../../../support/store_harness';
import { append, claimOnce } from '../../../../../support/claims';

interface OpenStore {
  readonly store: Store;
  readonly bets: BetRepository;
  readonly tracker: FinishTracker;
  readonly winners: WinnerService;
  readonly overview: LotteryOverview;
}

const bet = (agency: number, document: number, number = '1'): string =>
  `${agency},Ana,"Gómez, h.",${document},1999-03-17,${number}`;
const batch = (...rows: string[]) => readBetBatch(Buffer.from(rows.join('\n')), undefined);
const NOW = { timeoutMs: 0, signal: new AbortController().signal };

/** The store without failures. The tests in test/torture cover crashes and failing disks. */
describe('the store in files', () => {
  let directory: string;
  let opened: OpenStore[];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'store-'));
    opened = [];
  });

  afterEach(async () => {
    for (const store of opened.slice()) await close(store);
    await rm(directory, { recursive: true, force: true });
  });

  async function open(environment: Record<string, string> = {}): Promise<OpenStore> {
    const env = { SERVER_DATA_DIR: directory, SERVER_AGENCIES: '2', SERVER_WINNING_NUMBER: '42', ...environment };
    const settings = loadSettings(SERVER_SETTINGS, { defaultFile: 'none.ini', environment: env });
    const container = createServerContainer(settings, createMemoryLog().log);
    const store = container.get<Store>(TOKENS.Store);
    await store.open(NEVER_STOPPED);
    const open: OpenStore = {
      store,
      bets: container.get(TOKENS.BetRepository),
      tracker: container.get(TOKENS.FinishTracker),
      winners: container.get(TOKENS.WinnerService),
      overview: container.get(TOKENS.LotteryOverview),
    };
    open.winners.start(new AbortController().signal);
    opened.push(open);
    return open;
  }

  async function close(open: OpenStore): Promise<void> {
    opened.splice(opened.indexOf(open), 1);
    await open.winners.close();
    await open.store.close();
  }

  const file = async (): Promise<string> => readFile(join(directory, 'bets.csv'), 'utf8');

  it('keeps the batches in order, and counts the bets of each agency', async () => {
    const { bets, overview } = await open();
    const rows = [bet(1, 1), bet(1, 2), bet(2, 3), bet(1, 4)];
    const counts = await Promise.all([
      append(bets, batch(rows[0]!, rows[1]!), 0),
      append(bets, batch(rows[2]!), 0),
      append(bets, batch(rows[3]!), 2),
    ]);
    expect(counts).to.deep.equal([2, 1, 3]);
    expect(await file()).to.equal(rows.map((row) => `${row}\n`).join(''));
    expect(await readAgencies(overview)).to.deep.equal([
      { agency: 1, bets: 3, hasFinished: false, hasWinners: false },
      { agency: 2, bets: 1, hasFinished: false, hasWinners: false },
    ]);
  });

  it('rejects a batch out of sequence, and accepts the others', async () => {
    const { bets } = await open();
    const [early, other, first, twice] = [
      append(bets, batch(bet(1, 9)), 1),
      append(bets, batch(bet(2, 1)), 0),
      append(bets, batch(bet(1, 1)), 0),
      append(bets, batch(bet(1, 1)), 0),
    ];
    await expectCode(early, 'BATCH_OUT_OF_SEQUENCE');
    await expectCode(twice, 'BATCH_OUT_OF_SEQUENCE');
    expect([await other, await first]).to.deep.equal([1, 1]);
    expect(await file()).to.equal(`${bet(2, 1)}\n${bet(1, 1)}\n`);
  });

  it('has the same content after a restart', async () => {
    const before = await open();
    await append(before.bets, batch(bet(1, 1, '0042'), bet(1, 2)), 0);
    await before.tracker.finish(await claimOnce(before.bets, 1), 2);
    await close(before);
    const after = await open();
    expect(await readAgencies(after.overview)).to.deep.equal([
      { agency: 1, bets: 2, hasFinished: true, hasWinners: false },
    ]);
    expect([await after.tracker.hasFinished(1), await after.tracker.hasFinished(2)]).to.deep.equal([true, false]);
    expect(await append(after.bets, batch(bet(2, 3)), 0)).to.equal(1);
    expect(await file()).to.equal(`${bet(1, 1, '0042')}\n${bet(1, 2)}\n${bet(2, 3)}\n`);
  });

  it('counts the finish of an agency once', async () => {
    const { bets, tracker, overview } = await open();
    const claim = await bets.claim(1);
    await Promise.all([tracker.finish(claim, 0), tracker.finish(claim, 0), tracker.finish(claim, 0)]);
    await tracker.finish(claim, 0);
    expect(await tracker.count()).to.equal(1);
    expect(await readAgencies(overview)).to.deep.equal([{ agency: 1, bets: 0, hasFinished: true, hasWinners: false }]);
  });

  it('holds the draw after all finishes, and returns each agency its own winners', async () => {
    const { bets, tracker, winners } = await open();
    await append(bets, batch(bet(1, 1, '42'), bet(1, 2), bet(1, 1, '042')), 0);
    await append(bets, batch(bet(2, 3, '0042')), 0);
    await tracker.finish(await claimOnce(bets, 1), 3);
    expect(await winners.waitForDraw(NOW)).to.equal(false);
    const waiting = winners.waitForDraw({ ...NOW, timeoutMs: 60_000 });
    await tracker.finish(await claimOnce(bets, 2), 1);
    expect(await waiting).to.equal(true);
    expect([await winners.winnersOf(1), await winners.winnersOf(2), await winners.winnersOf(3)]).to.deep.equal([
      ['1', '1'],
      ['3'],
      [],
    ]);
  });

  it('keeps the held draw over restarts', async () => {
    const first = await open();
    await append(first.bets, batch(bet(1, 7, '42')), 0);
    for (const [agency, count] of [[1, 1] as const, [2, 0] as const])
      await first.tracker.finish(await claimOnce(first.bets, agency), count);
    expect(await first.winners.waitForDraw(NOW)).to.equal(true);
    await close(first);
    const journal = await readFile(join(directory, 'draw.journal'), 'utf8');
    for (let time = 0; time < 2; time++) {
      const again = await open();
      expect(await again.winners.waitForDraw(NOW)).to.equal(true);
      expect(await again.winners.winnersOf(1)).to.deep.equal(['7']);
      await close(again);
    }
    expect(await readFile(join(directory, 'draw.journal'), 'utf8')).to.equal(journal);
  });

  it('is not opened for another draw', async () => {
    const first = await open();
    for (const agency of [1, 2]) await first.tracker.finish(await claimOnce(first.bets, agency), 0);
    await first.winners.waitForDraw(NOW);
    await close(first);
    for (const [name, value] of [
      ['SERVER_WINNING_NUMBER', '43'],
      ['SERVER_AGENCIES', '3'],
      ['SERVER_AGENCIES', '1'],
    ] as const) {
      await expectCode(open({ [name]: value }), 'STORE_CONFLICT');
    }
    await open();
  });

  it('is not opened twice at once', async () => {
    await open();
    const error = await open().then(
      () => undefined,
      (reason: unknown) => reason as { code?: string },
    );
    expect(error?.code).to.match(/^STORE_/);
  });

  it('is neither opened nor changed after a foreign write', async () => {
    const before = await open();
    await append(before.bets, batch(bet(1, 1), bet(1, 2)), 0);
    await close(before);
    const changed = (await file()).replace('Ana', 'Eva');
    await writeFile(join(directory, 'bets.csv'), changed);
    await expectCode(open(), 'STORE_DAMAGED');
    expect(await file()).to.equal(changed);
  });
});
