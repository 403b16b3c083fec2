import { type Address, addressGroup } from '../../../lib/index';
import { AddressTraffic } from './address_traffic';
import { type TrafficRates } from './traffic';

/**
 * The traffic of each address, IPv6 addresses by their /64 prefix. Each call takes constant time on average. The memory
 * is bounded: by the number of open sessions, and by `maxResting` addresses without one, of which the oldest is dropped.
 */
export class AddressTable {
  private readonly byGroup = new Map<string, AddressTraffic>();
  /** The addresses without a session, those without one for the longest time first. */
  private readonly resting = new Set<AddressTraffic>();

  constructor(
    private readonly rates: TrafficRates,
    private readonly maxResting = 32_768,
  ) {}

  /** The number of addresses in memory. */
  get size(): number {
    return this.byGroup.size;
  }

  /** The traffic of an address, if it is in memory; undefined also for connections without an IP address. */
  find(remote: Address | undefined): AddressTraffic | undefined {
    return remote === undefined || 'path' in remote ? undefined : this.byGroup.get(addressGroup(remote.host));
  }

  /** Counts a session of an address, until its `leave`. Returns undefined for a connection without an IP address. */
  enter(remote: Address | undefined): AddressTraffic | undefined {
    if (remote === undefined || 'path' in remote) return undefined;
    const group = addressGroup(remote.host);
    let traffic = this.byGroup.get(group);
    if (traffic === undefined) {
      traffic = new AddressTraffic(group, this.rates, this.rest);
      this.byGroup.set(group, traffic);
    }
    this.resting.delete(traffic);
    traffic.enter();
    return traffic;
  }

  private readonly rest = (traffic: AddressTraffic, now: number): void => {
    this.resting.add(traffic);
    for (const oldest of this.resting) {
      if (this.resting.size <= this.maxResting && !oldest.isFull(now)) return;
      this.resting.delete(oldest);
      this.byGroup.delete(oldest.group);
    }
  };
}
