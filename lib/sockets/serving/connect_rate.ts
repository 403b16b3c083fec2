/** Half a microsecond: sums of intervals are rounded. */
const ROUNDING_MS = 0.0005;

/**
 * Token buckets: each address may connect a number of times a second, and `burst` times at once. A bucket is one number,
 * the time at which it is full again (the generic cell rate algorithm, ITU-T I.371).
 *
 * Each call takes constant time. Two generations of buckets bound the memory: the older one is dropped as a whole, after
 * its buckets are full, or before that if more than `maxAddresses` others have connected since.
 */
export class ConnectRate {
  private readonly intervalMs: number;
  private readonly capacityMs: number;
  /** When each bucket is full, in milliseconds: those that were used since the last change of generations, and before. */
  private recent = new Map<string, number>();
  private older = new Map<string, number>();
  private nextGenerationAt = 0;

  /**
   * @param perSecond more than 0.
   * @param burst at least 1. By default, as many as in a second; a rate below 1 allows one connection at once.
   */
  constructor(
    perSecond: number,
    burst = Math.max(1, perSecond),
    private readonly maxAddresses = 32_768,
  ) {
    this.intervalMs = 1000 / perSecond;
    this.capacityMs = burst * this.intervalMs;
  }

  /** The number of buckets in memory; twice `maxAddresses` at most. */
  get size(): number {
    return this.recent.size + this.older.size;
  }

  /**
   * Takes a token of an address.
   *
   * @param now milliseconds of a clock that does not go back.
   * @returns false if there is none; the attempt has no effect then.
   */
  take(address: string, now: number): boolean {
    const before = this.recent.get(address) ?? this.older.get(address) ?? 0;
    const fullAt = Math.max(before, now) + this.intervalMs;
    if (fullAt - now > this.capacityMs + ROUNDING_MS) return false;
    if (now >= this.nextGenerationAt || this.recent.size >= this.maxAddresses) this.beginGeneration(now);
    this.recent.set(address, fullAt);
    return true;
  }

  private beginGeneration(now: number): void {
    this.older = this.recent;
    this.recent = new Map();
    this.nextGenerationAt = now + this.capacityMs;
  }
}
