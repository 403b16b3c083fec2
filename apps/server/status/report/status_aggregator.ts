import { type DrawTerms } from '../../domain/draw_record';
import { type LotteryOverview, type ServerState } from '../../domain/lottery_overview';
import { type AgencyActivity } from '../../stats/agency_activity';
import { type ServerActivity } from '../../stats/server_activity';
import { AgencyTrack } from './agency_track';
import { DatabaseTrack } from './database_track';
import { type LotteryReading } from './overview_reader';
import { RateMeter } from './rate_meter';
import {
  type AgencyReport,
  type AgencyState,
  type ServerReport,
  type StatusReport,
  type StatusSummary,
} from './status_report';
import { TimeSeries } from './time_series';

/** The length of a series in seconds: three minutes. */
const SERIES_SECONDS = 180;

/**
 * The maximum number of agencies with a series and metrics of their own. It bounds the time of opening a page and of a
 * scrape.
 */
export const MAX_DETAILED_AGENCIES = 2_000;

/** The constants and the sources of the reports. */
export interface AggregatorSources {
  readonly serverName: string;
  readonly terms: DrawTerms;
  readonly activity: ServerActivity;
  readonly overview: Pick<LotteryOverview, 'database'>;
}

/**
 * Builds the report for all viewers once a second: of the lottery from the readings of the store, of the server from its
 * counters. It provides the full report and the changes of the last second.
 */
export class StatusAggregator {
  private readonly tracks = new Map<number, AgencyTrack>();
  private readonly rate = new RateMeter();
  private readonly series = new TimeSeries(SERIES_SECONDS);
  private readonly changed: AgencyReport[] = [];
  /** The winners as of the last tick, and as of the next one. */
  private winners: ReadonlyMap<number, number> | undefined;
  private nextWinners: ReadonlyMap<number, number> | undefined;
  private totals = { bets: 0, winners: 0, byState: noAgencies() };
  private at = new Date();
  /** The time of the last reading; that of the start before the first one. */
  private readAt = this.at;
  private hasRead = false;
  private servers: readonly ServerReport[] = [];
  private json: Buffer | undefined;

  private readonly activity: ServerActivity;
  private readonly database: DatabaseTrack;

  constructor(private readonly sources: AggregatorSources) {
    this.activity = sources.activity;
    this.database = new DatabaseTrack(sources.activity);
  }

  /** Sets the number of winning bets per agency after the draw. The next tick reports it. */
  setWinners(winners: ReadonlyMap<number, number>): void {
    this.nextWinners = winners;
  }

  get hasWinners(): boolean {
    return this.nextWinners !== undefined;
  }

  /**
   * Takes a reading of the store and reads the counters. Called once a second: each call is one sample of the series.
   *
   * @param reading undefined without a new one: the bets stay as they were.
   */
  tick(now: Date, reading: LotteryReading | undefined): void {
    this.at = now;
    this.json = undefined;
    this.winners = this.nextWinners;
    this.changed.length = 0;
    this.database.tick(reading);
    this.series.push(reading === undefined ? 0 : this.take(reading));
    this.totals = { bets: 0, winners: 0, byState: noAgencies() };
    for (const agency of this.activity.agencies.values()) this.sample(this.trackOf(agency), agency.id);
    this.totals.byState.absent += Math.max(0, this.sources.terms.agencies - this.tracks.size);
  }

  /** The full report. */
  fullReport(): StatusReport {
    const agency = Array.from(this.tracks.values(), (track) => track.reportWithCurve);
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
    const { serverName, terms, overview } = this.sources;
    const { phase, startedAt, sessionsOpen, errors } = this.activity;
    const { database } = overview;
    let total = 0;
    for (const count of errors.values()) total += count;
    return {
      at: this.at.toISOString(),
      server: { name: serverName, phase, startedAt: startedAt.toISOString(), sessionsOpen },
      servers: this.servers,
      database: database === undefined ? null : this.database.report(database),
      bets: { stored: this.totals.bets, perSecond: this.rate.perSecond },
      agencies: { expected: terms.agencies, byState: this.totals.byState },
      draw:
        this.winners !== undefined
          ? { held: true, number: terms.number, winners: this.totals.winners }
          : { held: false, number: null, winners: null },
      errors: { total, byCode: Object.fromEntries(errors) },
    };
  }

  /** The reports of the agencies with metrics of their own, without curves: none beyond `MAX_DETAILED_AGENCIES`. */
  *detailed(): Generator<AgencyReport> {
    if (this.tracks.size > MAX_DETAILED_AGENCIES) return;
    for (const { report } of this.tracks.values()) yield report;
  }

  /** Takes the progress of all agencies, and returns the number of new bets. */
  private take({ at, state }: LotteryReading): number {
    const interval = { at, seconds: (at.getTime() - this.readAt.getTime()) / 1000, isFirst: !this.hasRead };
    let added = 0;
    for (const progress of state.agencies) {
      added += this.trackOf(this.activity.of(progress.agency)).take(progress, interval);
    }
    this.rate.sample(added, interval.seconds);
    this.servers = state.servers.map(describeServer);
    this.readAt = at;
    this.hasRead = true;
    return added;
  }

  private sample(track: AgencyTrack, id: number): void {
    const winners = this.winners === undefined ? undefined : (this.winners.get(id) ?? 0);
    if (track.sample(this.at, winners)) this.changed.push(track.report);
    const { bets, state } = track.report;
    this.totals.bets += bets;
    this.totals.winners += winners ?? 0;
    this.totals.byState[state]++;
  }

  private trackOf(agency: AgencyActivity): AgencyTrack {
    let track = this.tracks.get(agency.id);
    if (track === undefined) {
      const curve = this.tracks.size < MAX_DETAILED_AGENCIES ? new TimeSeries(SERIES_SECONDS) : undefined;
      track = new AgencyTrack(agency, curve);
      this.tracks.set(agency.id, track);
    }
    return track;
  }
}

function describeServer({ name, isAlive, startedAt, seenAt, sessions, betsPerSecond }: ServerState): ServerReport {
  return {
    name,
    alive: isAlive,
    startedAt: startedAt.toISOString(),
    seenAt: seenAt.toISOString(),
    sessionsOpen: sessions,
    perSecond: Math.round(betsPerSecond),
  };
}

function noAgencies(): Record<AgencyState, number> {
  return { absent: 0, uploading: 0, finished: 0, winners: 0 };
}
