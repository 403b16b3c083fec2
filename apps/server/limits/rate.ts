/** Half a microsecond: sums of intervals are rounded. */
const ROUNDING_MS = 0.0005;

/**
 * The rate of token buckets. A bucket is one number, the time at which it is full again, in milliseconds of a clock that
 * does not go back (the generic cell rate algorithm, ITU-T I.371). A bucket can be overdrawn.
 */
export class Rate {
  private readonly intervalMs: number;
  private readonly capacityMs: number;

  /**
   * @param tokens the number of tokens in `periodMs`, which is also the capacity of a bucket; 0: no limit.
   * @param periodMs in milliseconds.
   */
  constructor(tokens: number, periodMs: number) {
    this.intervalMs = tokens === 0 ? 0 : periodMs / tokens;
    this.capacityMs = periodMs;
  }

  /** Takes tokens out of a bucket, also if it has fewer. Returns the bucket. */
  take(fullAt: number, tokens: number, now: number): number {
    return this.intervalMs === 0 ? fullAt : Math.max(fullAt, now) + tokens * this.intervalMs;
  }

  /** The time in milliseconds until an overdrawn bucket is empty; 0 or less if it is not overdrawn. */
  overdrawnMs(fullAt: number, now: number): number {
    return fullAt - now - this.capacityMs;
  }

  /** Whether a bucket has a token. */
  hasToken(fullAt: number, now: number): boolean {
    return this.overdrawnMs(fullAt, now) + this.intervalMs <= ROUNDING_MS;
  }
}
