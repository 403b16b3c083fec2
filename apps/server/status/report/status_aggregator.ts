import { type AgencyActivity, type AgencyState } from '../../stats/agency_activity';
import { type ServerActivity } from '../../stats/server_activity';
import { TimeSeries } from './time_series';
import { RateMeter } from './rate_meter';
import { type AgencyReport, type StatusReport, type StatusSummary } from './status_report';

/** The length of a series in seconds: three minutes. */
const SERIES_SECONDS = 180;

/**
 * The maximum number of agencies with a series and metrics of their own. It bounds the time of opening a page and of a
 * scrape.
 */
export const MAX_DETAILED_AGENCIES = 2_000;

/** The state of an agency between two ticks. */
interface Track {
  readonly rate: RateMeter;
  readonly curve: TimeSeries | undefined;
  report: AgencyReport;
}

/**
 * Builds the report for all viewers once a second from the server's counters. It provides the full report and the
 * changes of the last second.
 */
export class StatusAggregator {
  private readonly tracks = new Map<number, Track>();
  private readonly rate = new RateMeter();
  private readonly series = new TimeSeries(SERIES_SECONDS);
  private readonly changed: AgencyReport[] = [];
  /** The winners as of the last tick, and as of the next one. */
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

  /** Sets the number of winning bets per agency after the draw. The next tick reports it. */
  setWinners(winners: ReadonlyMap<number, number>): void {
    this.nextWinners = winners;
  }

  get hasWinners(): boolean {
    return this.nextWinners !== undefined;
  }

  /** Reads the counters. Called once a second: each call is one sample of the series. */
  tick(now: Date): void {
    const seconds = (now.getTime() - this.at.getTime()) / 1000;
    this.at = now;
    this.json = undefined;
    this.winners = this.nextWinners;
    this.changed.length = 0;
    this.totals = { bets: 0, winners: 0, byState: noAgencies() };
    for (const agency of this.activity.agencies.values()) this.sample(agency, seconds);
    const { byState } = this.totals;
    byState.absent += Math.max(0, this.expected - this.tracks.size);
    this.series.push(this.rate.sample(this.activity.betsStored, seconds));
  }

  /** The full report. */
  fullReport(): StatusReport {
    const agency: AgencyReport[] = [];
    for (const { report, curve } of this.tracks.values()) {
      agency.push(curve === undefined ? report : { ...report, curve: curve.values() });
    }
    const summary = this.summary();
    return { ...summary, bets: { ...summary.bets, curve: this.series.values() }, agency };
  }

  /** The full report as JSON, serialized once per tick and shared. */
  fullReportJson(): Buffer {
    this.json ??= Buffer.from(JSON.stringify(this.fullReport()), 'utf8');
    return this.json;
  }

  /** The report without series, and with only the agencies changed by the last tick. */
  changes(): StatusReport {
    return { ...this.summary(), agency: this.changed };
  }

  /** The report without agencies. */
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

  /** The number of the agency's winning bets, or undefined before the draw. */
  winnersOf(agency: number): number | undefined {
    return this.winners === undefined ? undefined : (this.winners.get(agency) ?? 0);
  }

  private sample(agency: AgencyActivity, seconds: number): void {
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
      const curve = this.tracks.size < MAX_DETAILED_AGENCIES ? new TimeSeries(SERIES_SECONDS) : undefined;
      track = { rate: new RateMeter(), curve, report: EMPTY_REPORT };
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

const EMPTY_REPORT: AgencyReport = {
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

/** Compares all fields but `lastError`, which changes only with `errors`. */
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
