import { type LimitName } from './limit_name';
import { type Rate } from './rate';
import { type MessageLimits, SenderTraffic } from './sender_traffic';
import { type TrafficRates } from './traffic';

const NAMES: MessageLimits = { bytes: 'agency_bytes', messages: 'agency_messages' };

/** The limits of each agency. */
export interface AgencyLimits extends TrafficRates {
  /** Sessions at once; Infinity: no limit. */
  readonly sessions: number;
  readonly connects: Rate;
}

/** The sessions and messages of one agency, whatever addresses they come from. */
export class AgencyTraffic extends SenderTraffic {
  private connectsFullAt = 0;

  constructor(private readonly limits: AgencyLimits) {
    super(limits, NAMES);
  }

  /**
   * Counts a new session until `leave`, unless it is over a limit.
   *
   * @returns the limit that it is over.
   */
  enter(now: number): LimitName | undefined {
    const { connects, sessions } = this.limits;
    if (!this.mayConnect(now)) return 'agency_refusals';
    if (this.sessions >= sessions) return 'agency_sessions';
    if (!connects.hasToken(this.connectsFullAt, now)) return 'agency_connects';
    this.connectsFullAt = connects.take(this.connectsFullAt, 1, now);
    this.sessions++;
    return undefined;
  }

  leave(): void {
    this.sessions--;
  }
}
