import { type LimitName } from './limit_name';
import { type Traffic } from './traffic';

/** The traffic of a session that counts for its address and for its agency. */
export class CombinedTraffic implements Traffic {
  constructor(
    private readonly address: Traffic,
    private readonly agency: Traffic,
  ) {}

  onMessage(bytes: number, now: number): void {
    this.address.onMessage(bytes, now);
    this.agency.onMessage(bytes, now);
  }

  onRefused(now: number): void {
    this.address.onRefused(now);
    this.agency.onRefused(now);
  }

  overdrawnMs(now: number): number {
    return Math.max(this.address.overdrawnMs(now), this.agency.overdrawnMs(now));
  }

  overdrawnLimit(now: number): LimitName {
    const { address, agency } = this;
    return (address.overdrawnMs(now) >= agency.overdrawnMs(now) ? address : agency).overdrawnLimit(now);
  }

  leave(now: number): void {
    this.address.leave(now);
    this.agency.leave(now);
  }
}
