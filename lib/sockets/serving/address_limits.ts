import { addressGroup } from './address_group';
import { ConnectRate } from './connect_rate';

/** The limits for each address. Undefined: no limit. */
export interface AddressLimitOptions {
  /** Connections at once. */
  readonly maxPerAddress?: number | undefined;
  /** New connections a second. */
  readonly connectsPerSecond?: number | undefined;
  /** New connections at once, with `connectsPerSecond`. Default: as many as in a second. */
  readonly connectBurst?: number | undefined;
}

/**
 * The connections of each address, IPv6 addresses by their /64 prefix. Each call takes constant time, and the memory is
 * bounded: by the number of open connections, and by that of `ConnectRate`.
 */
export class AddressLimits {
  private readonly most: number;
  private readonly open: Map<string, number> | undefined;
  private readonly rate: ConnectRate | undefined;

  constructor({ maxPerAddress, connectsPerSecond, connectBurst }: AddressLimitOptions) {
    this.most = maxPerAddress ?? Infinity;
    if (maxPerAddress !== undefined) this.open = new Map();
    if (connectsPerSecond !== undefined) this.rate = new ConnectRate(connectsPerSecond, connectBurst);
  }

  /** Whether there is a limit at all. */
  get isActive(): boolean {
    return this.open !== undefined || this.rate !== undefined;
  }

  /**
   * Counts a new connection, unless it is over a limit.
   *
   * @returns the limit that it is over; else undefined, and `leave` is called once, later.
   */
  enter(host: string, now: number): 'connectsPerSecond' | 'maxPerAddress' | undefined {
    const group = addressGroup(host);
    if (this.rate?.take(group, now) === false) return 'connectsPerSecond';
    const open = this.open?.get(group) ?? 0;
    if (open >= this.most) return 'maxPerAddress';
    this.open?.set(group, open + 1);
    return undefined;
  }

  /** Ends the count of a connection that `enter` has let in. */
  leave(host: string): void {
    if (this.open === undefined) return;
    const group = addressGroup(host);
    const open = this.open.get(group)!;
    if (open === 1) this.open.delete(group);
    else this.open.set(group, open - 1);
  }
}
