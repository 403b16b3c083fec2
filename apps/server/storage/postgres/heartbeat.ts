import { inject, injectable } from 'inversify';
import { type ActionLog } from '../../../runtime/action_log';
import { type StoreObserver } from '../../domain/store_observer';
import { type ServerActivity } from '../../stats/server_activity';
import { TOKENS } from '../../tokens';
import { type Database } from './database/database';
import { type OpenDraw } from './open_draw';
import { RepeatingTask } from './repeating_task';
import { type WriteGate } from './write_gate';

const INTERVAL_MS = 1_000;

/** A silent database, or one that waits for its standby, is noticed within seconds. In milliseconds. */
const LIMITS = { waitMs: 2_000, timeoutMs: 3_000 };

/** $1: name, $2: draw, $3: open sessions, $4: bets a second. */
const BEAT = `
  INSERT INTO servers (name, draw, started_at, seen_at, sessions, bets_per_second)
  VALUES ($1, $2, now(), now(), $3, $4)
  ON CONFLICT (name) DO UPDATE
    SET draw = excluded.draw, seen_at = now(), sessions = excluded.sessions, bets_per_second = excluded.bets_per_second
  RETURNING started_at::text`;

/** $1: draw, $2: agencies. */
const RECORD_WINNERS = 'UPDATE agencies SET has_winners = true WHERE draw = $1 AND agency = ANY ($2::int[])';

/** The maximum number of agencies in one statement. It bounds the time of a stop. */
const MAX_RECORDED = 5_000;

/**
 * Writes this server's row in `servers` once a second. The commit is as durable as one of bets, so it also shows whether
 * the database confirms writes (docs/cluster.md). Its failure closes the gate for all other writes, its success opens it.
 * Beside it, the agencies that have received their winners are recorded.
 */
@injectable()
export class Heartbeat {
  private readonly task = new RepeatingTask(
    () => this.beat(),
    { intervalMs: INTERVAL_MS },
    (error) => this.onFailed(error as Error),
  );
  /** A failed record is repeated with the next ones. */
  private readonly recording = new RepeatingTask(
    () => this.recordWinners(),
    { intervalMs: INTERVAL_MS },
    () => {},
  );
  /** The number of agencies recorded as having their winners, in the order of the activity. */
  private recorded = 0;
  private startedAt: string | undefined;
  private last = { at: performance.now(), bets: 0 };

  constructor(
    @inject(TOKENS.ServerName) private readonly name: string,
    @inject(TOKENS.Database) private readonly database: Database,
    @inject(TOKENS.OpenDraw) private readonly draw: OpenDraw,
    @inject(TOKENS.WriteGate) private readonly gate: WriteGate,
    @inject(TOKENS.ServerActivity) private readonly activity: ServerActivity,
    @inject(TOKENS.StoreObserver) private readonly observer: StoreObserver,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
  ) {}

  /** Writes the row for the first time, then once a second. */
  async start(): Promise<void> {
    await this.database.write('UPDATE servers SET started_at = now() WHERE name = $1', [this.name]);
    await this.beat();
    this.task.start();
    this.recording.start();
  }

  /** Ends the heartbeat. The row then shows that the server has stopped. */
  async stop(): Promise<void> {
    await Promise.all([this.task.stop(), this.recording.stop()]);
    if (!this.gate.isOpen) return;
    await this.recordWinners().catch(() => {});
    // Without the update the server counts as alive for some more seconds.
    await this.database.write('UPDATE servers SET seen_at = NULL WHERE name = $1', [this.name], LIMITS).catch(() => {});
  }

  private async beat(): Promise<void> {
    const fields = [this.name, this.draw.id, this.activity.sessionsOpen, this.betsPerSecond()];
    const [row] = await this.database.write<{ started_at: string }>(BEAT, fields, LIMITS);
    this.compareStart(row!.started_at);
    if (this.gate.isOpen) return;
    this.gate.open();
    this.observer.writable(true);
    this.log.info('database', 'success');
  }

  /** A later start in the row is that of another server with the same name. */
  private compareStart(startedAt: string): void {
    const isOther = this.startedAt !== undefined && startedAt !== this.startedAt;
    this.startedAt = startedAt;
    if (!isOther) return;
    const error = 'another server has started with this name, and both show as one: set SERVER_NAME';
    this.log.warning('heartbeat', 'fail', { server: this.name, error });
  }

  private async recordWinners(): Promise<void> {
    const agencies = this.activity.winnersGivenTo.slice(this.recorded, this.recorded + MAX_RECORDED);
    if (agencies.length === 0 || !this.gate.isOpen) return;
    await this.database.write(RECORD_WINNERS, [this.draw.id, agencies], LIMITS);
    this.recorded += agencies.length;
  }

  private onFailed(error: Error): void {
    if (!this.gate.isOpen) return;
    this.gate.close(error);
    this.observer.writable(false);
    this.log.error('database', 'fail', { error: error.message });
  }

  private betsPerSecond(): number {
    const now = { at: performance.now(), bets: this.activity.betsStored };
    const seconds = (now.at - this.last.at) / 1000;
    const rate = seconds > 0 ? (now.bets - this.last.bets) / seconds : 0;
    this.last = now;
    return rate;
  }
}
