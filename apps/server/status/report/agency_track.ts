import { type AgencyProgress } from '../../domain/lottery_overview';
import { type AgencyActivity } from '../../stats/agency_activity';
import { RateMeter } from './rate_meter';
import { type AgencyReport, type AgencyState } from './status_report';
import { type TimeSeries } from './time_series';

/** How long an agency counts as uploading after bets of it were stored by another server, in milliseconds. */
const UPLOADING_ELSEWHERE_MS = 10_000;

const EMPTY_REPORT: AgencyReport = {
  id: 0,
  state: 'absent',
  bets: 0,
  perSecond: 0,
  errors: 0,
  lastError: null,
  winners: null,
};

/** A reading of the whole lottery, in relation to the one before. */
export interface ReadingInterval {
  readonly at: Date;
  /** From the reading before. */
  readonly seconds: number;
  readonly isFirst: boolean;
}

/** One agency over time: its progress in the store, and its activity on this server. */
export class AgencyTrack {
  private bets = 0;
  private hasFinished = false;
  private hasWinners = false;
  /** The bets that were stored by other processes. */
  private storedElsewhere = 0;
  private uploadingElsewhereUntil = -Infinity;
  private readonly rate = new RateMeter();
  /** The growth since the last sample of the curve. */
  private added = 0;
  private current = EMPTY_REPORT;

  /** @param curve undefined for an agency without a curve. */
  constructor(
    private readonly activity: AgencyActivity,
    private readonly curve: TimeSeries | undefined,
  ) {}

  /** The report of the last sample, without the curve. */
  get report(): AgencyReport {
    return this.current;
  }

  get reportWithCurve(): AgencyReport {
    return this.curve === undefined ? this.current : { ...this.current, curve: this.curve.values() };
  }

  /**
   * Takes the progress of a reading, and returns the number of new bets. Bets that another process had stored before the
   * first reading are not new.
   */
  take({ bets, hasFinished, hasWinners }: AgencyProgress, { at, seconds, isFirst }: ReadingInterval): number {
    const added = isFirst ? Math.min(this.activity.storedHere, bets) : bets - this.bets;
    this.bets = bets;
    this.hasFinished = hasFinished;
    this.hasWinners = hasWinners;
    this.added += added;
    this.rate.sample(added, seconds);
    const storedElsewhere = bets - this.activity.storedHere;
    // A batch of a session of this server can be in the store and not yet in its counters.
    if (this.activity.sessions === 0 && storedElsewhere > this.storedElsewhere) {
      this.storedElsewhere = storedElsewhere;
      if (!isFirst) this.uploadingElsewhereUntil = at.getTime() + UPLOADING_ELSEWHERE_MS;
    }
    return added;
  }

  /**
   * Adds a sample to the curve and makes the report.
   *
   * @param winners the number of its winning bets, undefined before the draw.
   * @returns whether the report differs from the last one.
   */
  sample(now: Date, winners: number | undefined): boolean {
    this.curve?.push(this.added);
    this.added = 0;
    const report = this.describe(now, winners);
    if (isSame(this.current, report)) return false;
    this.current = report;
    return true;
  }

  private describe(now: Date, winners: number | undefined): AgencyReport {
    const { bets } = this;
    const { id, errors, lastError } = this.activity;
    return {
      id,
      state: this.stateAt(now),
      bets,
      perSecond: this.rate.perSecond,
      errors,
      lastError: lastError === undefined ? null : { code: lastError.code, at: lastError.at.toISOString() },
      winners: winners ?? null,
    };
  }

  private stateAt(now: Date): AgencyState {
    if (this.activity.hasWinners || this.hasWinners) return 'winners';
    if (this.hasFinished) return 'finished';
    const isUploading = this.activity.sessions > 0 || now.getTime() < this.uploadingElsewhereUntil;
    return isUploading ? 'uploading' : 'absent';
  }
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
