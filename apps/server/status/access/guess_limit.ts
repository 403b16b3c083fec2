import { type Address, addressGroup } from '../../../../lib/index';
import { Rate } from '../../limits/rate';

/** The number of wrong tokens of an address in a minute; so many are also possible at once. */
const GUESSES_PER_MINUTE = 10;
const MAX_ADDRESSES = 4_096;
/** Addresses beyond the maximum share one limit, and so do connections without an address. */
const OTHERS = 'others';

/**
 * Limits the wrong tokens of each address (IPv6: of each /64 prefix). The memory is bounded, and an address is forgotten
 * once its limit has recovered.
 */
export class GuessLimit {
  private readonly rate = new Rate(GUESSES_PER_MINUTE, 60_000);
  private readonly buckets = new Map<string, number>();

  constructor(private readonly maxAddresses = MAX_ADDRESSES) {}

  /** The number of addresses in memory. */
  get size(): number {
    return this.buckets.size;
  }

  /** Whether a token of this address is looked at. */
  allows(remote: Address | undefined): boolean {
    const now = performance.now();
    return this.rate.hasToken(this.buckets.get(this.groupOf(remote)) ?? 0, now);
  }

  /** Counts a wrong token. */
  countWrong(remote: Address | undefined): void {
    const now = performance.now();
    if (this.buckets.size >= this.maxAddresses) this.forgetRecovered(now);
    const group = this.groupOf(remote);
    this.buckets.set(group, this.rate.take(this.buckets.get(group) ?? 0, 1, now));
  }

  private groupOf(remote: Address | undefined): string {
    if (remote?.host === undefined) return OTHERS;
    const group = addressGroup(remote.host);
    return this.buckets.has(group) || this.buckets.size < this.maxAddresses ? group : OTHERS;
  }

  private forgetRecovered(now: number): void {
    for (const [group, fullAt] of this.buckets) if (fullAt <= now) this.buckets.delete(group);
  }
}
