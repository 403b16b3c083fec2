import 'reflect-metadata/lite';
import { Container } from 'inversify';
import { ConnectSocket } from '../../lib/index';
import { type ActionLog } from '../runtime/action_log';
import { SingleBetAgency } from './agencies/single_bet_agency';
import { UploadAgency } from './agencies/upload_agency';
import { DataFile } from './bets/data_file';
import { FileBetSource } from './bets/file_bet_source';
import { EndpointFinder } from './connection/endpoint_finder';
import { EndpointRounds } from './connection/endpoint_rounds';
import { readClientTls, serverNameOf } from './connection/client_tls';
import { type LookUp, lookUpInSystem, NameResolver } from './connection/name_resolver';
import { Reconnector, type SocketFactory } from './connection/reconnector';
import { ParentProgress } from './progress/parent_progress';
import { Progress, type ProgressListener } from './progress/progress';
import { betOfSettings, type ClientSettings, dataFileOf } from './settings';
import { TOKENS } from './tokens';

/**
 * Composes the client: an agency with a single bet if the settings contain one, and an agency with a file otherwise.
 *
 * @param listeners of the agency's progress, beside the parent process.
 * @throws SettingsError
 */
export function createClientContainer(
  settings: ClientSettings,
  log: ActionLog,
  listeners: readonly ProgressListener[] = [],
): Container {
  const container = new Container({ defaultScope: 'Singleton' });
  container.bind(TOKENS.Settings).toConstantValue(settings);
  container.bind(TOKENS.ActionLog).toConstantValue(log);
  container.bind(TOKENS.Progress).toConstantValue(new Progress([new ParentProgress(), ...listeners]));
  container.bind<LookUp>(TOKENS.LookUp).toConstantValue(lookUpInSystem);
  container.bind(TOKENS.NameResolver).to(NameResolver);
  container.bind(TOKENS.EndpointFinder).to(EndpointFinder);
  container.bind(TOKENS.EndpointRounds).to(EndpointRounds);
  container.bind(TOKENS.SocketFactory).toConstantValue(socketFactoryOf(settings));
  container.bind(TOKENS.Reconnector).to(Reconnector);

  const bet = betOfSettings(settings);
  if (bet === undefined) {
    container.bind(TOKENS.DataFile).toConstantValue(new DataFile(dataFileOf(settings)));
    container.bind(TOKENS.BetSource).to(FileBetSource);
    container.bind(TOKENS.Agency).to(UploadAgency);
  } else {
    container.bind(TOKENS.SingleBet).toConstantValue(bet);
    container.bind(TOKENS.Agency).to(SingleBetAgency);
  }
  return container;
}

/** @throws SettingsError */
function socketFactoryOf(settings: ClientSettings): SocketFactory {
  const tls = readClientTls(settings);
  if (tls === undefined) return (target) => new ConnectSocket(target);
  return (target, host) => new ConnectSocket({ ...target, tls: { ...tls, servername: serverNameOf(settings, host) } });
}
