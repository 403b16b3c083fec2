import { inject, injectable } from 'inversify';
import { type AgencyProgress, type LotteryOverview, type LotteryState } from '../../domain/lottery_overview';
import { TOKENS } from '../../tokens';
import { type Database } from './database/database';
import { type OpenDraw } from './open_draw';

/** $1: draw. */
const AGENCIES = `
  SELECT agency, stored AS bets, finished_with IS NOT NULL AS "hasFinished" FROM agencies WHERE draw = $1`;

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
    const agencies = await this.database.query<AgencyProgress>(AGENCIES, [this.draw.id], { waitMs: WAIT_MS });
    return { agencies };
  }
}
