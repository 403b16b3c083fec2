import { type AgencyLimits, AgencyTraffic } from './agency_traffic';
import { type LimitName } from './limit_name';

/** All ids beyond the last agency share one record. Their sessions end with `unknown-agency`. */
const UNKNOWN = 0;

/**
 * The traffic of each agency by its certificate. An id that is only claimed must not come here: the real agency would wait
 * for it. There are as many records as agencies at most, and one more.
 */
export class AgencyTable {
  private readonly byAgency = new Map<number, AgencyTraffic>();

  /** @param agencies their number; the ids begin with 1. */
  constructor(
    private readonly limits: AgencyLimits,
    private readonly agencies: number,
  ) {}

  /** The number of agencies in memory. */
  get size(): number {
    return this.byAgency.size;
  }

  /**
   * Counts a new session of an agency, until its `leave`.
   *
   * @param now milliseconds of a clock that does not go back.
   * @returns the limit that refuses the session, if one does.
   */
  enter(agency: number, now: number): AgencyTraffic | LimitName {
    const traffic = this.trafficOf(agency > this.agencies ? UNKNOWN : agency);
    return traffic.enter(now) ?? traffic;
  }

  private trafficOf(id: number): AgencyTraffic {
    let traffic = this.byAgency.get(id);
    if (traffic === undefined) {
      traffic = new AgencyTraffic(this.limits);
      this.byAgency.set(id, traffic);
    }
    return traffic;
  }
}
