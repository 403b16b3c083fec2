import { type AgencyActivity, type AgencyState } from '../../stats/agency_activity';
import { type ServerActivity } from '../../stats/server_activity';
import { TimeSeries } from './time_series';
import { RateMeter } from './rate_meter';
import { type AgencyReport, type StatusReport, type StatusSummary } from './status_report';

/** How many seconds a curve shows: three minutes. */
const CURVE_SECONDS = 180;

/** So many agencies have a curve and metrics of their own: beyond, opening a page or a scrape would take its time. */
export const MOST_AGENCIES_IN_DETAIL = 2_000;

/** What the board keeps of an agency from one tick to the next. */
interface Track {
  readonly rate: RateMeter;
  readonly curve: TimeSeries | undefined;
  report: AgencyReport;
}

/**
 * What a watcher sees: made once a second from what the server has counted, the same for all who watch. It is asked for
 * in whole, or for what has changed in the last second.
 */
export class StatusAggregator {
  private readonly tracks = new Map<number, Track>();
  private readonly rate = new RateMeter();
  private readonly curve = new TimeSeries(CURVE_SECONDS);
  private readonly changed: AgencyReport[] = [];
  /** The winners as of the last tick, and as they will be told from the next one on. */
  private winners: ReadonlyMap<number, number> | undefined;
  private nextWinners: ReadonlyMap<number, number> | undefined;
  private totals = { bets: 0, winners: 0, byState: noAgencies() };
  private at = new Date();
  private json: Buffer | undefined;

  constructor(
    private readonly activity: ServerActivity,
    private readonly expected: number,
    private readonly winningNumber: number,
  ) {}

  /** The draw is held, and so many bets of each agency won: told from the next tick on. */
  setWinners(winners: ReadonlyMap<number, number>): void {
    this.nextWinners = winners;
  }

  get hasWinners(): boolean {
    return this.nextWinners !== undefined;
  }

  /** Looks at the counters. To be called once a second: each call is one sample of the curves. */
  tick(now: Date): void {
    const seconds = (now.getTime() - this.at.getTime()) / 1000;
    this.at = now;
    this.json = undefined;
    this.winners = this.nextWinners;
    this.changed.length = 0;
    this.totals = { bets: 0, winners: 0, byState: noAgencies() };
    for (const agency of this.activity.agencies.values()) this.follow(agency, seconds);
    const { byState } = this.totals;
    byState.absent += Math.max(0, this.expected - this.tracks.size);
    this.curve.push(this.rate.sample(this.activity.betsStored, seconds));
  }

  /** Everything. */
  whole(): StatusReport {
    const agency: AgencyReport[] = [];
    for (const { report, curve } of this.tracks.values()) {
      agency.push(curve === undefined ? report : { ...report, curve: curve.values() });
    }
    const summary = this.summary();
    return { ...summary, bets: { ...summary.bets, curve: this.curve.values() }, agency };
  }

  /** The same as JSON; made once a tick, and the same bytes for all that ask. */
  wholeJson(): Buffer {
    this.json ??= Buffer.from(JSON.stringify(this.whole()), 'utf8');
    return this.json;
  }

  /** The whole without curves, and of the agencies only those that the last tick has changed. */
  changes(): StatusReport {
    return { ...this.summary(), agency: this.changed };
  }

  /** The same without any agency. */
  summary(): StatusSummary {
    const { phase, startedAt, sessionsOpen, errors } = this.activity;
    let total = 0;
    for (const count of errors.values()) total += count;
    return {
      at: this.at.toISOString(),
      server: { phase, startedAt: startedAt.toISOString(), sessionsOpen },
      bets: { stored: this.totals.bets, perSecond: this.rate.perSecond },
      agencies: { expected: this.expected, byState: this.totals.byState },
      draw:
        this.winners !== undefined
          ? { held: true, number: this.winningNumber, winners: this.totals.winners }
          : { held: false, number: null, winners: null },
      errors: { total, byCode: Object.fromEntries(errors) },
    };
  }

  /** How many of the agency's bets won; undefined before the draw. */
  winnersOf(agency: number): number | undefined {
    return this.winners === undefined ? undefined : (this.winners.get(agency) ?? 0);
  }

  private follow(agency: AgencyActivity, seconds: number): void {
    const track = this.trackOf(agency);
    const added = track.rate.sample(agency.storedHere, seconds);
    track.curve?.push(added);
    const report = this.describe(agency, track.rate.perSecond);
    if (!isSame(track.report, report)) {
      track.report = report;
      this.changed.push(report);
    }
    this.totals.bets += report.bets;
    this.totals.winners += report.winners ?? 0;
    this.totals.byState[report.state]++;
  }

  private trackOf(agency: AgencyActivity): Track {
    let track = this.tracks.get(agency.id);
    if (track === undefined) {
      const curve = this.tracks.size < MOST_AGENCIES_IN_DETAIL ? new TimeSeries(CURVE_SECONDS) : undefined;
      track = { rate: new RateMeter(), curve, report: NOTHING_YET };
      this.tracks.set(agency.id, track);
    }
    return track;
  }

  private describe(agency: AgencyActivity, perSecond: number): AgencyReport {
    const { id, state, bets, errors, lastError } = agency;
    const last = lastError === undefined ? null : { code: lastError.code, at: lastError.at.toISOString() };
    return { id, state, bets, perSecond, errors, lastError: last, winners: this.winnersOf(id) ?? null };
  }
}

const NOTHING_YET: AgencyReport = {
  id: 0,
  state: 'absent',
  bets: 0,
  perSecond: 0,
  errors: 0,
  lastError: null,
  winners: null,
};

function noAgencies(): Record<AgencyState, number> {
  return { absent: 0, uploading: 0, finished: 0, winners: 0 };
}

/** `errors` grows with every error, so the last one needs no look. */
function isSame(one: AgencyReport, other: AgencyReport): boolean {
  return (
    one.id === other.id &&
    one.state === other.state &&
    one.bets === other.bets &&
    one.perSecond === other.perSecond &&
    one.errors === other.errors &&
    one.winners === other.winners
  );
}
