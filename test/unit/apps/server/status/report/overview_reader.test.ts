import { expect } from 'chai';
import { type LotteryState } from '../../../../../../apps/server/domain/lottery_overview';
import { StoreUnavailableError } from '../../../../../../apps/server/domain/store_errors';
import { OverviewReader } from '../../../../../../apps/server/status/report/overview_reader';
import { createMemoryLog } from '../../../../../support/memory_lottery';

describe('the reader of the whole lottery', () => {
  let states: LotteryState[];
  let read: () => Promise<LotteryState>;
  let readings: number;
  let now: number;
  let lines: readonly string[];
  let reader: OverviewReader;

  beforeEach(() => {
    states = [0, 1, 2].map((bets) => {
      return {
        agencies: [{ agency: 1, bets, hasFinished: false, hasWinners: false }],
        servers: [],
        standbys: undefined,
      };
    });
    readings = 0;
    now = 5_000;
    read = async () => states[readings - 1]!;
    const overview = {
      database: undefined,
      read: () => {
        readings++;
        return read();
      },
    };
    const memory = createMemoryLog();
    lines = memory.lines;
    reader = new OverviewReader(overview, memory.log, () => now);
  });

  const nextState = async (): Promise<LotteryState | undefined> => (await reader.next())?.state;

  it('reads at each call what takes no time', async () => {
    expect([await nextState(), await nextState(), await nextState()]).to.deep.equal(states);
  });

  it('spends at most a twentieth of the time on readings', async () => {
    read = async () => {
      now += 100;
      return states[readings - 1]!;
    };
    expect(await nextState()).to.equal(states[0]);
    now += 1_899;
    expect(await nextState()).to.equal(undefined);
    now += 1;
    expect(await nextState()).to.equal(states[1]);
    expect(readings).to.equal(2);
  });

  it('does not pause after a single slow reading, or a failed one', async () => {
    const durations = [1, 5_000, 1];
    read = async () => {
      now += durations[readings - 1]!;
      if (readings === 3) throw new StoreUnavailableError('no connection');
      return states[0]!;
    };
    for (const [index, expected] of [states[0], states[0], undefined].entries()) {
      now += 20;
      expect(await nextState(), `reading ${index}`).to.equal(expected);
    }
    read = async () => states[1]!;
    expect(await nextState()).to.equal(states[1]);
  });

  it('does not wait longer than half a second for a reading, and returns a late one at a later call', async () => {
    let answer: (state: LotteryState) => void = () => {};
    read = () => new Promise((resolve) => (answer = resolve));
    const startedAt = performance.now();
    expect(await nextState()).to.equal(undefined);
    expect(performance.now() - startedAt).to.be.within(490, 5_000);
    answer(states[0]!);
    expect(await nextState()).to.equal(states[0]);
    expect(readings).to.equal(1);
  });

  it('logs the first of several failed readings, and goes on', async () => {
    const working = read;
    const fail = async (): Promise<never> => {
      throw new StoreUnavailableError('no connection');
    };
    read = fail;
    expect([await nextState(), await nextState()]).to.deep.equal([undefined, undefined]);
    read = working;
    expect(await nextState()).to.equal(states[2]);
    read = fail;
    expect(await nextState()).to.equal(undefined);
    expect(lines.map((line) => line.slice('2000-01-01 00:00:00 '.length))).to.deep.equal(
      Array.from({ length: 2 }, () => 'ERROR    action: read_lottery | result: fail | error: no connection'),
    );
  });
});
