import { inject, injectable } from 'inversify';
import {
  type AgencyProgress,
  type LotteryOverview,
  type LotteryState,
  type ServerState,
} from '../../domain/lottery_overview';
import { TOKENS } from '../../tokens';
import { type Database } from './database/database';
import { type OpenDraw } from './open_draw';

/** $1: draw. */
const AGENCIES = `
  SELECT agency, stored AS bets, finished_with IS NOT NULL AS "hasFinished" FROM agencies WHERE draw = $1`;

/**
 * The servers of the draw without those that have stopped. A server without a heartbeat for five seconds is lost; one
 * without for an hour is no longer listed. $1: draw.
 */
const SERVERS = `
  SELECT name, seen_at > now() - INTERVAL '5 seconds' AS "isAlive", started_at AS "startedAt", seen_at AS "seenAt",
         sessions, bets_per_second AS "betsPerSecond"
    FROM servers WHERE draw = $1 AND seen_at > now() - INTERVAL '1 hour' ORDER BY name`;

/** The longest wait for a connection, in milliseconds: bets come first, and the page has older data meanwhile. */
const WAIT_MS = 500;

/** Reads the whole lottery from the database, the bets of all servers included. */
@injectable()
export class PostgresLotteryOverview implements LotteryOverview {
  constructor(
    @inject(TOKENS.Database) private readonly database: Database,
    @inject(TOKENS.OpenDraw) private readonly draw: OpenDraw,
  ) {}

  async read(): Promise<LotteryState> {
    // One after the other: the readings use one connection.
    const agencies = await this.database.query<AgencyProgress>(AGENCIES, [this.draw.id], { waitMs: WAIT_MS });
    const servers = await this.database.query<ServerState>(SERVERS, [this.draw.id], { waitMs: WAIT_MS });
    return { agencies, servers };
  }
}
