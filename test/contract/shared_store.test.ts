import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { readBetBatch } from '../../apps/protocol/bet_batch';
import { type AgencyClaim } from '../../apps/server/domain/agency_claim';
import { eventually } from '../support/eventually';
import { expectCode } from '../support/rejection';
import { createPostgresHarness, type OpenStore, type StoreHarness } from '../support/store_harness';

const bet = (agency: number, document: number, number = '1'): string =>
  `${agency},Ana,Paz,${document},1999-03-17,${number}`;
const batch = (...rows: string[]) => readBetBatch(Buffer.from(rows.join('\n')), undefined);
const LATER = { timeoutMs: 10_000, signal: new AbortController().signal };

describe('a store in PostgreSQL with several servers', () => {
  let harness: StoreHarness;
  let one: OpenStore;
  let two: OpenStore;

  beforeEach(async function () {
    harness = await createPostgresHarness(this);
    [one, two] = [await harness.open(), await harness.open()];
  });

  afterEach(async () => {
    await one?.close();
    await two?.close();
  });

  it('ends a claim by a claim on another server', async () => {
    const ended: AgencyClaim[] = [];
    one.bets.onSuperseded((claim) => ended.push(claim));
    const older = await one.bets.claim(1);
    await one.bets.append(older, batch(bet(1, 1)), 0);
    const newer = await two.bets.claim(1);
    expect(newer.stored).to.equal(1);
    await expectCode(one.bets.append(older, batch(bet(1, 2)), 1), 'CLAIM_SUPERSEDED');
    await expectCode(one.tracker.finish(older, 1), 'CLAIM_SUPERSEDED');
    await two.bets.append(newer, batch(bet(1, 3)), 1);
    expect(await harness.rows()).to.deep.equal([bet(1, 1), bet(1, 3)]);
    await eventually('the end of the claim', async () => ended.length > 0, 10_000);
    expect(ended).to.deep.equal([older]);
  });

  it('refuses the batch of an ended claim alone: the others of the commit are stored', async () => {
    const [older, other] = [await one.bets.claim(1), await one.bets.claim(2)];
    await two.bets.claim(1);
    const results = await Promise.allSettled([
      one.bets.append(older, batch(bet(1, 1)), 0),
      one.bets.append(other, batch(bet(2, 1)), 0),
    ]);
    expect(results.map(({ status }) => status)).to.deep.equal(['rejected', 'fulfilled']);
    expect(await harness.rows()).to.deep.equal([bet(2, 1)]);
  });

  it('has the digest of rows that several servers have stored, on each of them', async () => {
    const digestOf = (...rows: string[]) => {
      const text = rows.map((row) => `${row}\n`).join('');
      return { count: rows.length, digest: createHash('sha256').update(text).digest('hex') };
    };
    await one.bets.append(await one.bets.claim(1), batch(bet(1, 1), bet(1, 2)), 0);
    expect(await one.bets.digest(1, 2)).to.deep.equal(digestOf(bet(1, 1), bet(1, 2)));
    await two.bets.append(await two.bets.claim(1), batch(bet(1, 3)), 2);
    expect(await two.bets.digest(1, 3)).to.deep.equal(digestOf(bet(1, 1), bet(1, 2), bet(1, 3)));
    await one.bets.append(await one.bets.claim(1), batch(bet(1, 4)), 3);
    expect(await one.bets.digest(1, 4)).to.deep.equal(digestOf(bet(1, 1), bet(1, 2), bet(1, 3), bet(1, 4)));
  });

  it('holds the draw once, and every server has the winners', async () => {
    const claims = [await one.bets.claim(1), await two.bets.claim(2), await two.bets.claim(3)] as const;
    await one.bets.append(claims[0], batch(bet(1, 1, '42')), 0);
    await two.bets.append(claims[1], batch(bet(2, 2, '0042'), bet(2, 3)), 0);
    const waits = [one.winners.waitForDraw(LATER), two.winners.waitForDraw(LATER)];
    await Promise.all([
      one.tracker.finish(claims[0], 1),
      two.tracker.finish(claims[1], 2),
      two.tracker.finish(claims[2], 0),
    ]);
    expect(await Promise.all(waits)).to.deep.equal([true, true]);
    for (const { winners } of [one, two]) {
      expect(await Promise.all([1, 2, 3].map((agency) => winners.winnersOf(agency)))).to.deep.equal([['1'], ['2'], []]);
    }
  });

  it('counts the finishes of all servers on each of them', async () => {
    await one.tracker.finish(await one.bets.claim(1), 0);
    await eventually('the finish on the other server', async () => (await two.tracker.count()) === 1, 10_000);
  });
});
