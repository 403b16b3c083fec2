import { injectable } from 'inversify';
import { type ProtocolErrorCode } from '../../protocol/protocol_error';
import { type LimitName } from '../limits/limit_name';
import { type CommitReport, type StoreObserver } from '../domain/store_observer';
import { AgencyActivity } from './agency_activity';
import { Histogram } from './histogram';
import { type TlsActivity } from './tls_activity';

/** The phase of the server. `ready`: the store is open and the listener accepts. */
export type ServerPhase = 'starting' | 'ready' | 'stopping';

const COMMIT_SECONDS_BOUNDS = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const BATCHES_BOUNDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
const BETS_BOUNDS = [1, 10, 25, 50, 75, 100, 125, 150, 175, 200, 250, 400];
const SESSION_SECONDS_BOUNDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600];

/**
 * The counters of the server since its start. The bet path updates them, so each method is cheap; apps/server/status
 * reads them independently (docs/decisions/0010).
 */
@injectable()
export class ServerActivity implements StoreObserver {
  readonly startedAt = new Date();
  phase: ServerPhase = 'starting';

  /** The agencies seen by this process so far, by id. */
  readonly agencies = new Map<number, AgencyActivity>();
  /** The agencies that have received their winners, in this order. */
  readonly winnersGivenTo: number[] = [];
  readonly errors = new Map<ProtocolErrorCode, number>();
  /** The number of times that a limit has refused, ended or slowed a session. */
  readonly limited = new Map<LimitName, number>();
  betsStored = 0;
  sessionsOpen = 0;
  /** The maximum number of open sessions, 0 before the server is ready. */
  sessionsAllowed = 0;
  sessionsOpened = 0;
  acceptFailures = 0;
  drawIsHeld = false;
  storeIsWritable = true;
  /** With TLS only. */
  tls: TlsActivity | undefined;

  readonly batchBets = new Histogram(BETS_BOUNDS);
  readonly commitSeconds = new Histogram(COMMIT_SECONDS_BOUNDS);
  readonly commitBatches = new Histogram(BATCHES_BOUNDS);
  readonly sessionSeconds = new Histogram(SESSION_SECONDS_BOUNDS);
  committedBytes = 0;

  /** Whether the server takes bets. */
  get isReady(): boolean {
    return this.phase === 'ready' && this.storeIsWritable;
  }

  /** The agency's record, created at its first use. */
  of(agency: number): AgencyActivity {
    let activity = this.agencies.get(agency);
    if (activity === undefined) {
      activity = new AgencyActivity(agency);
      this.agencies.set(agency, activity);
    }
    return activity;
  }

  sessionOpened(): void {
    this.sessionsOpen++;
    this.sessionsOpened++;
  }

  sessionClosed(milliseconds: number): void {
    this.sessionsOpen--;
    this.sessionSeconds.observe(milliseconds / 1000);
  }

  /** Counts a session of the agency until `agencyLeft`. */
  agencyCame(agency: number): void {
    this.of(agency).sessions++;
  }

  agencyLeft(agency: number): void {
    this.of(agency).sessions--;
  }

  batchStored(agency: number, bets: number): void {
    this.betsStored += bets;
    this.batchBets.observe(bets);
    this.of(agency).storedHere += bets;
  }

  winnersGiven(agency: number): void {
    const activity = this.of(agency);
    if (activity.hasWinners) return;
    activity.hasWinners = true;
    this.winnersGivenTo.push(agency);
  }

  /**
   * Counts a session that ended with an `E`. `agency` is 0 for an unidentified or unknown agency. A stop of the server
   * is no error and is not counted.
   */
  sessionRefused(agency: number, code: ProtocolErrorCode): void {
    if (code === 'shutting-down') return;
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
    if (agency === 0) return;
    const activity = this.of(agency);
    activity.errors++;
    activity.lastError = { code, at: new Date() };
  }

  limitReached(limit: LimitName): void {
    this.limited.set(limit, (this.limited.get(limit) ?? 0) + 1);
  }

  committed({ batches, bytes, milliseconds }: CommitReport): void {
    this.commitSeconds.observe(milliseconds / 1000);
    this.commitBatches.observe(batches);
    this.committedBytes += bytes;
  }

  drawHeld(): void {
    this.drawIsHeld = true;
  }

  writable(isWritable: boolean): void {
    this.storeIsWritable = isWritable;
  }
}
