import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { readBetBatch } from '../../apps/protocol/bet_batch';
import { expectCode } from '../support/rejection';
import {
  createFileHarness,
  createPostgresHarness,
  type OpenStore,
  readAgencies,
  type StoreHarness,
} from '../support/store_harness';

const bet = (agency: number, document: number, number = '1'): string =>
  `${agency},Ana,"Gómez, ""h.""",${document},1999-03-17,${number}`;
const batch = (...rows: string[]) => readBetBatch(Buffer.from(rows.join('\n')), undefined);
const codeOf = (error: unknown): string => (error as { code: string }).code;
const digestOf = (...rows: string[]) => {
  const text = rows.map((row) => `${row}\n`).join('');
  return { count: rows.length, digest: createHash('sha256').update(text).digest('hex') };
};
const NOW = { timeoutMs: 0, signal: new AbortController().signal };
const LATER = { timeoutMs: 10_000, signal: new AbortController().signal };

const STORES: readonly { name: string; create: (context: Mocha.Context) => Promise<StoreHarness> }[] = [
  { name: 'files', create: createFileHarness },
  { name: 'PostgreSQL', create: createPostgresHarness },
];

for (const { name, create } of STORES) {
  describe(`a store in ${name}`, () => {
    let harness: StoreHarness;
    let opened: OpenStore[];

    beforeEach(async function () {
      opened = [];
      harness = await create(this);
    });

    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close();
      await harness?.remove();
    });

    async function open(settings?: Readonly<Record<string, string>>): Promise<OpenStore> {
      const store = await harness.open(settings);
      opened.push(store);
      return store;
    }

    async function reopen(settings?: Readonly<Record<string, string>>): Promise<OpenStore> {
      for (const store of opened.splice(0)) await store.close();
      return open(settings);
    }

    it('keeps the batches of many agencies, each in its order, over a restart', async () => {
      const { bets } = await open();
      const [one, two] = await Promise.all([bets.claim(1), bets.claim(2)]);
      const totals = await Promise.all([
        bets.append(one, batch(bet(1, 1), bet(1, 2)), 0),
        bets.append(two, batch(bet(2, 1)), 0),
        bets.append(one, batch(bet(1, 3)), 2),
      ]);
      expect(totals).to.deep.equal([2, 1, 3]);
      expect(await bets.append(two, batch(bet(2, 2)), 1)).to.equal(2);
      const rows = [bet(1, 1), bet(1, 2), bet(1, 3), bet(2, 1), bet(2, 2)];
      expect(await harness.rows()).to.deep.equal(rows);
      const again = await reopen();
      expect((await again.bets.claim(1)).stored).to.equal(3);
      expect(await readAgencies(again.overview)).to.deep.equal([
        { agency: 1, bets: 3, hasFinished: false, hasWinners: false },
        { agency: 2, bets: 2, hasFinished: false, hasWinners: false },
      ]);
      expect(await harness.rows()).to.deep.equal(rows);
    });

    it('rejects a batch that does not follow the stored bets, alone', async () => {
      const { bets } = await open();
      const [one, two] = await Promise.all([bets.claim(1), bets.claim(2)]);
      const results = await Promise.allSettled([
        bets.append(one, batch(bet(1, 9)), 1),
        bets.append(two, batch(bet(2, 1)), 0),
        bets.append(one, batch(bet(1, 1)), 0),
        bets.append(one, batch(bet(1, 1)), 0),
      ]);
      const codes = results.map((result) => (result.status === 'fulfilled' ? result.value : codeOf(result.reason)));
      expect(codes).to.deep.equal(['BATCH_OUT_OF_SEQUENCE', 1, 1, 'BATCH_OUT_OF_SEQUENCE']);
      await expectCode(bets.append(two, batch(bet(2, 7)), 0), 'BATCH_OUT_OF_SEQUENCE');
      expect(await harness.rows()).to.deep.equal([bet(1, 1), bet(2, 1)]);
    });

    it('stores nothing under an older claim of the agency', async () => {
      const { bets, tracker } = await open();
      const older = await bets.claim(1);
      await bets.append(older, batch(bet(1, 1)), 0);
      const newer = await bets.claim(1);
      expect(newer).to.include({ agency: 1, stored: 1 });
      expect(newer.epoch).to.be.greaterThan(older.epoch);
      await expectCode(bets.append(older, batch(bet(1, 2)), 1), 'CLAIM_SUPERSEDED');
      await expectCode(tracker.finish(older, 1), 'CLAIM_SUPERSEDED');
      const results = await Promise.allSettled([
        bets.append(older, batch(bet(1, 3)), 1),
        bets.append(newer, batch(bet(1, 4)), 1),
      ]);
      expect(results.map(({ status }) => status)).to.deep.equal(['rejected', 'fulfilled']);
      expect(await tracker.hasFinished(1)).to.equal(false);
      expect(await harness.rows()).to.deep.equal([bet(1, 1), bet(1, 4)]);
    });

    it('finishes an agency once, over a restart', async () => {
      const { bets, tracker } = await open();
      const claim = await bets.claim(2);
      await bets.append(claim, batch(bet(2, 1)), 0);
      await Promise.all([tracker.finish(claim, 1), tracker.finish(claim, 1)]);
      await tracker.finish(claim, 1);
      const again = await reopen();
      const next = await again.bets.claim(2);
      await again.tracker.finish(next, 1);
      expect([await again.tracker.hasFinished(2), await again.tracker.hasFinished(1)]).to.deep.equal([true, false]);
      expect(await again.tracker.count()).to.equal(1);
      expect(await readAgencies(again.overview)).to.deep.equal([
        { agency: 2, bets: 1, hasFinished: true, hasWinners: false },
      ]);
    });

    it('holds the draw when all have finished, and gives each agency its own winners in their order', async () => {
      const { bets, tracker, winners } = await open();
      const claims = await Promise.all([1, 2, 3].map((agency) => bets.claim(agency)));
      await bets.append(claims[0]!, batch(bet(1, 5, '42'), bet(1, 2), bet(1, 5, '042')), 0);
      await bets.append(claims[0]!, batch(bet(1, 1, '0042')), 3);
      await bets.append(claims[1]!, batch(bet(2, 3, '42')), 0);
      await tracker.finish(claims[0]!, 4);
      await tracker.finish(claims[1]!, 1);
      expect(await winners.waitForDraw(NOW)).to.equal(false);
      await tracker.finish(claims[2]!, 0);
      expect(await winners.waitForDraw(LATER)).to.equal(true);
      const expected = [['5', '5', '1'], ['3'], []];
      expect(await Promise.all([1, 2, 3].map((agency) => winners.winnersOf(agency)))).to.deep.equal(expected);
      const again = await reopen();
      expect(await again.winners.waitForDraw(LATER)).to.equal(true);
      expect(await Promise.all([1, 2, 3].map((agency) => again.winners.winnersOf(agency)))).to.deep.equal(expected);
    });

    it('shows the whole lottery at each moment: bets, finishes, winners', async () => {
      const { bets, tracker, winners, overview } = await open();
      expect(overview.database === undefined).to.equal(name === 'files');
      expect(await readAgencies(overview)).to.deep.equal([]);
      const claims = await Promise.all([1, 2, 3].map((agency) => bets.claim(agency)));
      await bets.append(claims[0]!, batch(bet(1, 1, '42'), bet(1, 2, '042')), 0);
      await bets.append(claims[2]!, batch(bet(3, 1)), 0);
      const withBets = (await readAgencies(overview)).filter((progress) => progress.bets > 0);
      expect(withBets).to.deep.equal([
        { agency: 1, bets: 2, hasFinished: false, hasWinners: false },
        { agency: 3, bets: 1, hasFinished: false, hasWinners: false },
      ]);
      await bets.append(claims[2]!, batch(bet(3, 2), bet(3, 3, '42')), 1);
      await tracker.finish(claims[1]!, 0);
      await tracker.finish(claims[2]!, 3);
      expect(await readAgencies(overview)).to.deep.equal([
        { agency: 1, bets: 2, hasFinished: false, hasWinners: false },
        { agency: 2, bets: 0, hasFinished: true, hasWinners: false },
        { agency: 3, bets: 3, hasFinished: true, hasWinners: false },
      ]);
      await tracker.finish(claims[0]!, 2);
      expect(await winners.waitForDraw(LATER)).to.equal(true);
      expect(await winners.winnerCounts()).to.deep.equal(
        new Map([
          [1, 2],
          [3, 1],
        ]),
      );
    });

    it('has the digest of the rows of each agency, as they are stored and in their order, over a restart', async () => {
      const { bets } = await open();
      const [one, two] = await Promise.all([bets.claim(1), bets.claim(2)]);
      await Promise.all([
        bets.append(one, batch(bet(1, 1), `1,"Li",Wu,5,2000-02-29,0042`), 0),
        bets.append(two, batch(bet(2, 1)), 0),
        bets.append(one, batch(bet(1, 3)), 2),
      ]);
      const first = [bet(1, 1), '1,Li,Wu,5,2000-02-29,0042', bet(1, 3)];
      const found = await Promise.all([bets.digest(1, 3), bets.digest(2, 1), bets.digest(3, 0), bets.digest(1, 3)]);
      expect(found).to.deep.equal([digestOf(...first), digestOf(bet(2, 1)), digestOf(), digestOf(...first)]);
      await bets.append(two, batch(bet(2, 2), bet(2, 3)), 1);
      await bets.append(one, batch(bet(1, 4)), 3);
      expect(await bets.digest(1, 4)).to.deep.equal(digestOf(...first, bet(1, 4)));
      const again = await reopen();
      expect(await again.bets.digest(2, 3)).to.deep.equal(digestOf(bet(2, 1), bet(2, 2), bet(2, 3)));
      expect(await again.bets.digest(1, 4)).to.deep.equal(digestOf(...first, bet(1, 4)));
    });

    it('has no digest of more bets than are stored, and no new one after its close', async () => {
      const store = await harness.open();
      await store.bets.append(await store.bets.claim(1), batch(bet(1, 1), bet(1, 2)), 0);
      await expectCode(store.bets.digest(1, 3), name === 'files' ? 'BATCH_OUT_OF_SEQUENCE' : 'STORE_DAMAGED');
      expect(await store.bets.digest(1, 2)).to.deep.equal(digestOf(bet(1, 1), bet(1, 2)));
      await store.bets.append(await store.bets.claim(2), batch(bet(2, 1)), 0);
      await store.close();
      await expectCode(store.bets.digest(2, 1), 'STORE_STOPPED');
    });

    it('refuses other terms than those of its draw', async () => {
      const { bets, tracker, winners } = await open();
      for (const agency of [1, 2, 3]) await tracker.finish(await bets.claim(agency), 0);
      expect(await winners.waitForDraw(LATER)).to.equal(true);
      await expectCode(reopen({ SERVER_WINNING_NUMBER: '43' }), 'STORE_CONFLICT');
      await expectCode(open({ SERVER_AGENCIES: '4' }), 'STORE_CONFLICT');
      await open();
    });
  });
}
