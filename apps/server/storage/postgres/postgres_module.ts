import { ContainerModule } from 'inversify';
import { type ServerSettings } from '../../settings';
import { TOKENS } from '../../tokens';
import { Database } from './database/database';
import { databaseTargetOf } from './database/database_target';
import { Heartbeat } from './heartbeat';
import { LocalClaims } from './local_claims';
import { OpenDraw } from './open_draw';
import { PostgresBetRepository } from './postgres_bet_repository';
import { PostgresDrawRecord } from './postgres_draw_record';
import { PostgresFinishTracker } from './postgres_finish_tracker';
import { PostgresLotteryOverview } from './postgres_lottery_overview';
import { PostgresStore } from './postgres_store';
import { WriteGate } from './write_gate';

/** Binds the store in PostgreSQL. */
export function createPostgresModule(settings: ServerSettings): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(TOKENS.ServerName).toConstantValue(settings.SERVER_NAME);
    bind(TOKENS.Database).toConstantValue(
      new Database(databaseTargetOf(settings), { connections: settings.SERVER_DATABASE_CONNECTIONS }),
    );
    bind(TOKENS.OpenDraw).to(OpenDraw);
    bind(TOKENS.LocalClaims).to(LocalClaims);
    bind(TOKENS.WriteGate).to(WriteGate);
    bind(TOKENS.BetRepository).to(PostgresBetRepository);
    bind(TOKENS.FinishTracker).to(PostgresFinishTracker);
    bind(TOKENS.DrawRecord).to(PostgresDrawRecord);
    bind(TOKENS.LotteryOverview).to(PostgresLotteryOverview);
    bind(TOKENS.Heartbeat).to(Heartbeat);
    bind(TOKENS.Store).to(PostgresStore);
  });
}
