import 'reflect-metadata/lite';
import { Container } from 'inversify';
import { ListenSocket, FramedSocket } from '../../lib/index';
import { createServerCodec } from '../protocol/messages';
import { type ActionLog } from '../runtime/action_log';
import { ServerActivity } from './stats/server_activity';
import { type LotteryServices } from './sessions/session_protocol';
import { AgencySession } from './sessions/agency_session';
import { readDescriptorUse } from './process/descriptor_budget';
import { LotteryServer, type SessionFactory } from './lottery_server';
import { SessionRegistry } from './sessions/session_registry';
import { type ServerSettings } from './settings';
import { FileBetRepository } from './storage/bets/file_bet_repository';
import { FileFinishTracker } from './storage/file_finish_tracker';
import { FileStore } from './storage/file_store';
import { FileWinnerService } from './storage/file_winner_service';
import { DiskDirectory } from './storage/disk/file_system';
import { StoreHealth } from './storage/disk/store_health';
import type * as statusSite from './status/status_server';
import { OptionalStatusServer } from './status/optional_status_server';
import { TOKENS } from './tokens';

/** Composes the server. Everything here exists once; only sessions are made one for each connection. */
export function createServerContainer(settings: ServerSettings, log: ActionLog): Container {
  const container = new Container({ defaultScope: 'Singleton' });
  container.bind(TOKENS.ServerSettings).toConstantValue(settings);
  container.bind(TOKENS.ExpectedAgencies).toConstantValue(settings.SERVER_AGENCIES);
  container.bind(TOKENS.WinningNumber).toConstantValue(settings.SERVER_WINNING_NUMBER);
  container.bind(TOKENS.ActionLog).toConstantValue(log);

  container.bind(TOKENS.ServerActivity).to(ServerActivity);
  container.bind(TOKENS.StoreObserver).toService(TOKENS.ServerActivity);

  container.bind(TOKENS.StoreDirectory).toConstantValue(new DiskDirectory(settings.SERVER_DATA_DIR));
  container.bind(TOKENS.StoreHealth).to(StoreHealth);
  container.bind(TOKENS.BetRepository).to(FileBetRepository);
  container.bind(TOKENS.FinishTracker).to(FileFinishTracker);
  container.bind(TOKENS.WinnerService).to(FileWinnerService);
  container.bind(TOKENS.Store).to(FileStore);

  container.bind(TOKENS.SessionRegistry).to(SessionRegistry);
  container
    .bind<SessionFactory>(TOKENS.SessionFactory)
    .toResolvedValue(createSessionFactory(settings), [
      TOKENS.BetRepository,
      TOKENS.FinishTracker,
      TOKENS.WinnerService,
      TOKENS.SessionRegistry,
      TOKENS.ServerActivity,
      TOKENS.ActionLog,
    ]);
  container
    .bind<OptionalStatusServer>(TOKENS.StatusServer)
    .toResolvedValue(createStatusSide(settings), [
      TOKENS.ServerActivity,
      TOKENS.BetRepository,
      TOKENS.FinishTracker,
      TOKENS.WinnerService,
      TOKENS.ActionLog,
    ]);
  container.bind(TOKENS.DescriptorUse).toConstantValue(readDescriptorUse);
  container.bind(TOKENS.ListenSocket).toDynamicValue(
    () =>
      new ListenSocket({
        host: settings.SERVER_IP,
        port: settings.SERVER_PORT,
        backlog: settings.SERVER_LISTEN_BACKLOG,
      }),
  );
  container.bind(TOKENS.LotteryServer).to(LotteryServer);
  return container;
}

function createSessionFactory(settings: ServerSettings) {
  const limits = {
    messageTimeoutMs: settings.SERVER_MESSAGE_TIMEOUT_MS,
    idleTimeoutMs: settings.SERVER_IDLE_TIMEOUT_MS,
    waitHoldMs: settings.SERVER_WAIT_HOLD_MS,
  };
  const codec = createServerCodec();
  return (
    bets: LotteryServices['bets'],
    tracker: LotteryServices['tracker'],
    winners: LotteryServices['winners'],
    registry: SessionRegistry,
    activity: ServerActivity,
    log: ActionLog,
  ): SessionFactory => {
    const services: LotteryServices = { bets, tracker, winners, registry, activity, log };
    return (peer, owner) => new AgencySession(new FramedSocket(peer, codec), services, limits, owner);
  };
}

function createStatusSide(settings: ServerSettings) {
  return (
    activity: ServerActivity,
    bets: LotteryServices['bets'],
    tracker: LotteryServices['tracker'],
    winners: LotteryServices['winners'],
    log: ActionLog,
  ): OptionalStatusServer => {
    if (settings.SERVER_STATUS_PORT === 0) return new OptionalStatusServer(undefined, log);
    return new OptionalStatusServer((maxConnections) => {
      // A bundle of its own (see tools/build.js): a server without a status page loads nothing of HTTP and metrics.
      // eslint-disable-next-line @typescript-eslint/no-require-imports
      const { openStatusServer } = require('./status/status_server') as typeof statusSite;
      return openStatusServer({ settings, maxConnections, activity, bets, tracker, winners, log });
    }, log);
  };
}
