import { expect } from 'chai';
import { readBetBatch } from '../../../../../apps/protocol/bet_batch';
import { type BetRepository } from '../../../../../apps/server/domain/bet_repository';
import { type DrawRecord, type DrawTerms, requireSameTerms } from '../../../../../apps/server/domain/draw_record';
import { LotteryDraw } from '../../../../../apps/server/domain/lottery_draw';
import { StoreConflictError, StoreStoppedError, StoreWriteError } from '../../../../../apps/server/domain/store_errors';
import { createMemoryLog, MemoryBetRepository, MemoryFinishTracker } from '../../../../support/memory_lottery';
import { expectCode } from '../../../../support/rejection';
import { turns } from '../../../../support/turns';
import { append, claimOf } from '../../../../support/claims';

const SOON = { timeoutMs: 0, signal: new AbortController().signal };
const LATER = { timeoutMs: 60_000, signal: new AbortController().signal };

/** A record in memory. A test can make it fail. */
class MemoryDrawRecord implements DrawRecord {
  readonly records: DrawTerms[] = [];
  failure: Error | undefined;

  async record(terms: DrawTerms): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    if (this.records.length === 0) this.records.push(terms);
  }

  async readEvidence(): Promise<string | undefined> {
    return undefined;
  }

  async writeEvidence(): Promise<void> {
    throw new Error('the draw itself writes no evidence');
  }
}

describe('the draw', () => {
  let bets: MemoryBetRepository;
  let tracker: MemoryFinishTracker;
  let record: MemoryDrawRecord;
  let lines: string[];
  let draw: LotteryDraw;
  let stop: AbortController;

  beforeEach(async () => {
    bets = new MemoryBetRepository();
    tracker = new MemoryFinishTracker(2);
    record = new MemoryDrawRecord();
    stop = new AbortController();
    const memory = createMemoryLog();
    lines = memory.lines;
    draw = new LotteryDraw(42, bets, tracker, record, memory.log);
    const rows = ['1,Ana,Paz,5,1999-03-17,42', '1,Ana,Paz,6,1999-03-17,7', '1,Ana,Paz,4,1999-03-17,0042'];
    await append(bets, readBetBatch(Buffer.from(rows.join('\n')), 1), 0);
  });

  const logged = (text: string): number => lines.filter((line) => line.includes(text)).length;

  it('is held once, after the finish of all agencies', async () => {
    draw.start(stop.signal);
    await tracker.finish(claimOf(1));
    expect(await draw.waitForDraw(SOON)).to.equal(false);
    expect(record.records).to.deep.equal([]);
    const waits = [draw.waitForDraw(LATER), draw.waitForDraw(LATER)];
    await tracker.finish(claimOf(2));
    expect(await Promise.all([...waits, draw.waitForDraw(LATER)])).to.deep.equal([true, true, true]);
    expect(record.records).to.deep.equal([{ number: 42, agencies: 2 }]);
    expect(await draw.winnersOf(1)).to.deep.equal(['5', '4']);
    expect(await draw.winnersOf(2)).to.deep.equal([]);
    expect(logged('sorteo | result: success')).to.equal(1);
  });

  it('is not recorded again after an earlier draw', async () => {
    record.records.push({ number: 42, agencies: 2 });
    for (const agency of [1, 2]) await tracker.finish(claimOf(agency));
    draw.start(stop.signal);
    expect(await draw.waitForDraw(LATER)).to.equal(true);
    expect(record.records).to.have.length(1);
    expect(await draw.winnersOf(1)).to.deep.equal(['5', '4']);
  });

  it('rejects its waits if it cannot be recorded, and is held again for the next wait', async () => {
    record.failure = new StoreWriteError('the disk is full');
    for (const agency of [1, 2]) await tracker.finish(claimOf(agency));
    draw.start(stop.signal);
    expect(await expectCode(draw.waitForDraw(LATER), 'STORE_WRITE_FAILED')).to.equal(record.failure);
    expect(logged('sorteo | result: fail | error: the disk is full')).to.be.greaterThan(0);
    record.failure = undefined;
    await turns(2);
    expect(await draw.waitForDraw(LATER)).to.equal(true);
    expect(record.records).to.have.length(1);
  });

  it('is abandoned at a stop, without a failure in the log', async () => {
    const stoppable: BetRepository = bets;
    stoppable.winners = async function* (_number, stop) {
      await new Promise((resolve) => stop.addEventListener('abort', resolve));
      yield { agency: 1, document: '5' };
      throw new StoreStoppedError('stopped');
    };
    for (const agency of [1, 2]) await tracker.finish(claimOf(agency));
    draw.start(stop.signal);
    const wait = expectCode(draw.waitForDraw(LATER), 'STORE_STOPPED');
    await turns(2);
    stop.abort();
    await turns(2);
    await draw.close();
    await wait;
    expect(record.records).to.deep.equal([]);
    expect(logged('sorteo')).to.equal(0);
  });
});

describe('the terms of a draw', () => {
  it('must equal those of the settings', () => {
    const settings = { number: 42, agencies: 2 };
    requireSameTerms(undefined, settings);
    requireSameTerms({ number: 42, agencies: 2 }, settings);
    for (const held of [
      { number: 43, agencies: 2 },
      { number: 42, agencies: 3 },
    ]) {
      expect(() => requireSameTerms(held, settings)).to.throw(StoreConflictError, 'the draw was held already');
    }
  });
});
