import { setTimeout as delay } from 'node:timers/promises';
import { inject, injectable } from 'inversify';
import { type ActionLog } from '../../../runtime/action_log';
import { type DrawTerms } from '../../domain/draw_record';
import { throwIfStopped } from '../../domain/stop';
import { type Store, type StoreLocation } from '../../domain/store';
import { StoreConflictError, type StoreError, StoreStoppedError } from '../../domain/store_errors';
import { TOKENS } from '../../tokens';
import { type Database } from './database/database';
import {
  DatabaseRefusedError,
  DatabaseUnavailableError,
  OutcomeUnknownError,
  StatementError,
} from './database/database_errors';
import { requireKnownSchema } from './schema';
import { type Heartbeat } from './heartbeat';
import { type LocalClaims } from './local_claims';
import { type OpenDraw } from './open_draw';
import { type PostgresBetRepository } from './postgres_bet_repository';
import { type PostgresFinishTracker } from './postgres_finish_tracker';
import { RepeatingTask } from './repeating_task';

/** The longest wait for the database at the start, and the pause between two attempts, in milliseconds. */
const START_LIMIT_MS = 30_000;
const START_PAUSE_MS = 500;

/** The longest wait at a stop for requests that the database does not answer, in milliseconds. */
const CLOSE_LIMIT_MS = 700;

/** Agencies on every server get their winners within half a second after the draw. */
const DRAW_POLL_MS = 200;
const CLAIMS_POLL_MS = 1_000;
const MAX_POLL_SHARE = 0.05;

interface DrawRow {
  readonly draw: number;
  readonly winning_number: number;
  readonly agencies: number;
  readonly finished: number;
  readonly is_current: boolean | null;
}

const OPEN_DRAW = `
  INSERT INTO draws (draw, winning_number, agencies, is_current)
  SELECT coalesce(max(draw), 0) + 1, $1, $2, true FROM draws ON CONFLICT DO NOTHING`;

/** A store in PostgreSQL, shared by any number of servers (docs/cluster.md). */
@injectable()
export class PostgresStore implements Store {
  readonly isShared = true;
  private readonly polls: readonly RepeatingTask[];
  private listener: (error: Error) => void = () => {};

  constructor(
    @inject(TOKENS.Database) private readonly database: Database,
    @inject(TOKENS.OpenDraw) private readonly draw: OpenDraw,
    @inject(TOKENS.LocalClaims) private readonly claims: LocalClaims,
    @inject(TOKENS.BetRepository) private readonly bets: PostgresBetRepository,
    @inject(TOKENS.FinishTracker) private readonly tracker: PostgresFinishTracker,
    @inject(TOKENS.Heartbeat) private readonly heartbeat: Heartbeat,
    @inject(TOKENS.WinningNumber) private readonly winningNumber: number,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
  ) {
    // A failed poll is repeated. The heartbeat reports a database that cannot be reached.
    const ignore = (): void => {};
    this.polls = [
      new RepeatingTask(() => this.pollDraw(), { intervalMs: DRAW_POLL_MS }, ignore),
      new RepeatingTask(() => this.pollClaims(), { intervalMs: CLAIMS_POLL_MS, maxShare: MAX_POLL_SHARE }, ignore),
    ];
  }

  get location(): StoreLocation {
    return { setting: 'SERVER_DATABASE_URL', field: 'database', value: this.database.address };
  }

  onBroken(listener: (error: Error) => void): void {
    this.listener = listener;
  }

  async open(stop: AbortSignal): Promise<void> {
    try {
      await this.openWhenReachable(stop);
    } catch (error) {
      await this.database.close();
      throw error;
    }
    for (const poll of this.polls) poll.start();
  }

  async close(): Promise<void> {
    const expired = new AbortController();
    const isClosed = await Promise.race([
      this.closeInOrder().then(() => true),
      delay(CLOSE_LIMIT_MS, false, { signal: expired.signal }).catch(() => false),
    ]);
    expired.abort();
    // No bet in flight is acknowledged any more: its session has ended.
    if (!isClosed) this.database.destroy();
    this.log.info('close_store', isClosed ? 'success' : 'fail', { part: 'database' });
  }

  private async closeInOrder(): Promise<void> {
    await Promise.all([...this.polls.map((poll) => poll.stop()), this.bets.close(), this.tracker.idle()]);
    await this.heartbeat.stop();
    await this.database.close();
  }

  /**
   * A database in the middle of a failover is back within seconds, and a commit may wait for a standby as long. Each step
   * may be repeated, also after an unknown outcome.
   */
  private async openWhenReachable(stop: AbortSignal): Promise<void> {
    const deadline = performance.now() + START_LIMIT_MS;
    for (;;) {
      throwIfStopped(stop);
      try {
        await requireKnownSchema(this.database);
        await this.openDraw();
        return await this.heartbeat.start();
      } catch (error) {
        if (!isTransient(error) || performance.now() > deadline) throw error;
        this.log.warning('open_store', 'in_progress', { database: this.database.address, error: error.message });
      }
      await delay(START_PAUSE_MS, undefined, { signal: stop }).catch(() => {
        throw new StoreStoppedError('stopped before the database was reached');
      });
    }
  }

  /** Opens the current draw, or begins the first one with the terms of the settings. */
  private async openDraw(): Promise<void> {
    const terms: DrawTerms = { number: this.winningNumber, agencies: this.tracker.expected };
    const [row] = await this.database.transaction(async (transaction) => {
      await transaction.query(OPEN_DRAW, [terms.number, terms.agencies]);
      return transaction.query<DrawRow>('SELECT * FROM draws WHERE is_current');
    });
    if (row === undefined) throw new StoreConflictError('another server has just begun a new draw');
    if (row.winning_number !== terms.number || row.agencies !== terms.agencies) {
      throw new StoreConflictError(
        `draw ${row.draw} was begun with the number ${row.winning_number} and ${row.agencies} agencies; ` +
          `the settings are ${terms.number} and ${terms.agencies}`,
      );
    }
    this.draw.id = row.draw;
    this.tracker.update(row.finished);
  }

  private async pollDraw(): Promise<void> {
    const [row] = await this.database.query<DrawRow>('SELECT finished, is_current FROM draws WHERE draw = $1', [
      this.draw.id,
    ]);
    if (row?.is_current !== true) {
      this.listener(new StoreConflictError(`draw ${this.draw.id} has ended: a new one has begun`));
      return;
    }
    this.tracker.update(row.finished);
  }

  /** Finds the sessions of agencies that another server has claimed. */
  private async pollClaims(): Promise<void> {
    const agencies = this.claims.agencies();
    if (agencies.length === 0) return;
    const rows = await this.database.query<{ agency: number; epoch: number }>(
      'SELECT agency, epoch FROM agencies WHERE draw = $1 AND agency = ANY ($2::int[])',
      [this.draw.id, agencies],
    );
    for (const { agency, epoch } of rows) this.claims.compare(agency, epoch);
  }
}

/** An earlier attempt with an unknown outcome may still be under way in the database, and hold up the next one. */
function isTransient(error: unknown): error is StoreError {
  if (error instanceof OutcomeUnknownError) return true;
  if (error instanceof StatementError) return error.isTimeout;
  return error instanceof DatabaseUnavailableError && !(error instanceof DatabaseRefusedError);
}
