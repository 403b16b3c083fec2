import 'reflect-metadata/lite';
import { Container } from 'inversify';
import { ConnectSocket } from '../../lib/index';
import { type ActionLog } from '../runtime/action_log';
import { DataFile } from './bets/data_file';
import { UploadAgency } from './agencies/upload_agency';
import { FileBetSource } from './bets/file_bet_source';
import { ParentProgress } from './progress/parent_progress';
import { Progress, type ProgressListener } from './progress/progress';
import { Reconnector, type SocketFactory } from './connection/reconnector';
import { betOfSettings, type ClientSettings, dataFileOf } from './settings';
import { SingleBetAgency } from './agencies/single_bet_agency';
import { TOKENS } from './tokens';

/**
 * Composes an agency: one with a file, or one with a single bet where the settings name one.
 *
 * @throws SettingsError
 */
export function createClientContainer(
  settings: ClientSettings,
  log: ActionLog,
  listeners: readonly ProgressListener[] = [],
): Container {
  const container = new Container({ defaultScope: 'Singleton' });
  container.bind(TOKENS.ActionLog).toConstantValue(log);
  container.bind(TOKENS.AgencyId).toConstantValue(settings.CLI_ID);
  container.bind(TOKENS.DataFile).toConstantValue(new DataFile(dataFileOf(settings)));
  container.bind(TOKENS.BatchMaxAmount).toConstantValue(settings.CLI_BATCH_MAX_AMOUNT);
  container.bind(TOKENS.Window).toConstantValue(settings.CLI_WINDOW);
  container.bind(TOKENS.RetryLimitMs).toConstantValue(settings.CLI_RETRY_LIMIT_MS);
  container
    .bind<SocketFactory>(TOKENS.SocketFactory)
    .toConstantValue(() => new ConnectSocket(settings.CLI_SERVER_ADDRESS));
  container.bind(TOKENS.Reconnector).to(Reconnector);
  container.bind(TOKENS.Progress).toConstantValue(new Progress([new ParentProgress(), ...listeners]));

  const bet = betOfSettings(settings);
  if (bet === undefined) {
    container.bind(TOKENS.BetSource).to(FileBetSource);
    container.bind(TOKENS.Agency).to(UploadAgency);
  } else {
    container.bind(TOKENS.SingleBet).toConstantValue(bet);
    container.bind(TOKENS.Agency).to(SingleBetAgency);
  }
  return container;
}
