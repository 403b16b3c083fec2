import { inject, injectable } from 'inversify';
import {
  type AgencyProgress,
  type DatabaseUse,
  type LotteryOverview,
  type LotteryState,
  type ServerState,
} from '../../domain/lottery_overview';
import { type ServerSettings } from '../../settings';
import { TOKENS } from '../../tokens';
import { type Database } from './database/database';
import { type OpenDraw } from './open_draw';
import { StandbyMonitor } from './standby_monitor';

/** $1: draw. */
const AGENCIES = `
  SELECT agency, stored AS bets, finished_with IS NOT NULL AS "hasFinished", has_winners AS "hasWinners"
    FROM agencies WHERE draw = $1`;

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
  private readonly standbys: StandbyMonitor;

  constructor(
    @inject(TOKENS.Database) private readonly pool: Database,
    @inject(TOKENS.OpenDraw) private readonly draw: OpenDraw,
    @inject(TOKENS.ServerSettings) private readonly settings: Pick<ServerSettings, 'SERVER_DATABASE_CONNECTIONS'>,
  ) {
    this.standbys = new StandbyMonitor(pool);
  }

  get database(): DatabaseUse {
    const { openConnections, connectionsInUse, counters } = this.pool;
    return {
      connections: { open: openConnections, inUse: connectionsInUse, max: this.settings.SERVER_DATABASE_CONNECTIONS },
      connectionsOpened: counters.opened,
      connectionsLost: counters.lost,
      failovers: counters.failovers,
      waits: counters.waits,
      retries: counters.retries,
      unknownOutcomes: counters.unknownOutcomes,
    };
  }

  async read(): Promise<LotteryState> {
    // One after the other: the readings use one connection.
    const agencies = await this.pool.query<AgencyProgress>(AGENCIES, [this.draw.id], { waitMs: WAIT_MS });
    const servers = await this.pool.query<ServerState>(SERVERS, [this.draw.id], { waitMs: WAIT_MS });
    return { agencies, servers, standbys: await this.standbys.read(WAIT_MS) };
  }
}
