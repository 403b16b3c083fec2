import { setTimeout as delay } from 'node:timers/promises';
import { type ActionLog } from '../../../runtime/action_log';
import { type LotteryOverview, type LotteryState } from '../../domain/lottery_overview';

/** The whole lottery, and the time of its reading. */
export interface LotteryReading {
  readonly at: Date;
  readonly state: LotteryState;
}

/** The longest share of the time spent on readings, from 0 to 1. */
const MAX_SHARE = 0.05;

/** The shortest of the last readings counts: a single one may have waited for other work. */
const COUNTED_READINGS = 3;

/** The longest wait for a reading, in milliseconds. A later one is the next result. */
const MAX_WAIT_MS = 500;

/**
 * Reads the whole lottery again and again: at each call, or less often if that takes long, so that it takes at most a
 * twentieth of the time. A failed reading is repeated at the next call.
 */
export class OverviewReader {
  private reading: Promise<void> | undefined;
  private result: LotteryReading | undefined;
  private durations: readonly number[] = [];
  private nextAt = -Infinity;
  private isFailing = false;

  /** @param clock the time in milliseconds, from any start. */
  constructor(
    private readonly overview: LotteryOverview,
    private readonly log: ActionLog,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  /**
   * The state of the lottery if it was read since the last call. Undefined after a failed reading, which is logged, and
   * while there is no new one.
   */
  async next(): Promise<LotteryReading | undefined> {
    if (this.clock() >= this.nextAt) this.reading ??= this.read();
    if (this.reading !== undefined) await settledWithin(this.reading, MAX_WAIT_MS);
    const { result } = this;
    this.result = undefined;
    return result;
  }

  private async read(): Promise<void> {
    const startedAt = this.clock();
    try {
      this.result = { state: await this.overview.read(), at: new Date() };
      this.isFailing = false;
      this.durations = [...this.durations, this.clock() - startedAt].slice(-COUNTED_READINGS);
      this.nextAt = startedAt + Math.min(...this.durations) / MAX_SHARE;
    } catch (error) {
      if (!this.isFailing) this.log.error('read_lottery', 'fail', { error: (error as Error).message });
      this.isFailing = true;
    }
    this.reading = undefined;
  }
}

/** Resolves after the promise has settled, or after the time. */
async function settledWithin(promise: Promise<void>, milliseconds: number): Promise<void> {
  const timeout = new AbortController();
  const elapsed = delay(milliseconds, undefined, { signal: timeout.signal }).catch(() => {});
  await Promise.race([promise, elapsed]);
  timeout.abort();
}
