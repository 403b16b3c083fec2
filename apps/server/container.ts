import 'reflect-metadata/lite';
import { Container, type ContainerModule } from 'inversify';
import { type ListenSocketOptions, type ProxyHeaderRefusedError } from '../../lib/index';
import { type ActionLog } from '../runtime/action_log';
import { ServerActivity } from './stats/server_activity';
import { AddressTable } from './limits/address_table';
import { AgencyTable } from './limits/agency_table';
import { type ArrivalBounds, arrivalBounds, wantedConnections } from './limits/connection_bounds';
import { Rate } from './limits/rate';
import { RefusalLog } from './limits/refusal_log';
import { SessionFactory } from './sessions/session_factory';
import { SessionServices } from './sessions/session_services';
import { type BetRepository } from './domain/bet_repository';
import { type DrawEvidence, NO_EVIDENCE } from './domain/draw_evidence';
import { type DrawRecord } from './domain/draw_record';
import { type FinishTracker } from './domain/finish_tracker';
import { LotteryDraw } from './domain/lottery_draw';
import { type LotteryOverview } from './domain/lottery_overview';
import { readDescriptorUse } from './process/descriptor_budget';
import { LotteryServer } from './lottery_server';
import { SessionRegistry } from './sessions/session_registry';
import type * as drawKeys from './evidence/draw_keys';
import type * as signedEvidence from './evidence/signed_draw_evidence';
import { type ServerSettings } from './settings';
import { createFilesModule } from './storage/files/files_module';
import { createPostgresModule } from './storage/postgres/postgres_module';
import type * as tokenFile from './status/access/token_file';
import type * as statusServer from './status/status_server';
import { OptionalStatusServer } from './status/optional_status_server';
import { statusUsesTls } from './status/status_tls';
import { TlsActivity } from './stats/tls_activity';
import { PlainTransport } from './transport/plain_transport';
import { serverTlsFiles } from './transport/tls_settings';
import { TlsTransport } from './transport/tls_transport';
import { type Transport } from './transport/transport';
import { TOKENS } from './tokens';

/** Composes the server. Everything here is a singleton; sessions are created per connection. */
export function createServerContainer(settings: ServerSettings, log: ActionLog): Container {
  const container = new Container({ defaultScope: 'Singleton' });
  container.bind(TOKENS.ServerSettings).toConstantValue(settings);
  container.bind(TOKENS.ExpectedAgencies).toConstantValue(settings.SERVER_AGENCIES);
  container.bind(TOKENS.WinningNumber).toConstantValue(settings.SERVER_WINNING_NUMBER);
  container.bind(TOKENS.ActionLog).toConstantValue(log);

  container.bind(TOKENS.ServerActivity).to(ServerActivity);
  container.bind(TOKENS.StoreObserver).toService(TOKENS.ServerActivity);

  container.load(createStoreModule(settings));
  bindEvidence(container, settings, log);
  container.bind(TOKENS.WinnerService).to(LotteryDraw);

  container.bind(TOKENS.SessionRegistry).to(SessionRegistry);
  container.bind(TOKENS.SessionServices).to(SessionServices);
  container.bind(TOKENS.SessionFactory).to(SessionFactory);
  container
    .bind<OptionalStatusServer>(TOKENS.StatusServer)
    .toResolvedValue(
      (services: SessionServices, overview: LotteryOverview, transport: Transport) =>
        createStatusServer(settings, services, overview, transport),
      [TOKENS.SessionServices, TOKENS.LotteryOverview, TOKENS.Transport],
    );
  container.bind(TOKENS.DescriptorUse).toConstantValue(readDescriptorUse);
  const bounds = arrivalBounds(settings, readDescriptorUse);
  container.bind(TOKENS.WantedConnections).toConstantValue(wantedConnections(settings, bounds.proxyHeaders));
  const refusals = new RefusalLog(log);
  container.bind(TOKENS.RefusalLog).toConstantValue(refusals);
  container.bind(TOKENS.AddressTable).toConstantValue(createAddressTable(settings));
  container.bind(TOKENS.AgencyTable).toConstantValue(createAgencyTable(settings));
  container
    .bind<Transport>(TOKENS.Transport)
    .toResolvedValue(
      (activity: ServerActivity) => createTransport(settings, bounds, refusals, activity, log),
      [TOKENS.ServerActivity],
    );
  container
    .bind(TOKENS.ListenSocket)
    .toResolvedValue((transport: Transport) => transport.createListener(), [TOKENS.Transport]);
  container.bind(TOKENS.LotteryServer).to(LotteryServer);
  return container;
}

function createAddressTable(settings: ServerSettings): AddressTable {
  return new AddressTable({
    bytes: new Rate(settings.SERVER_ADDRESS_BYTES_PER_SECOND, 1000),
    messages: new Rate(settings.SERVER_ADDRESS_MESSAGES_PER_SECOND, 1000),
    refusals: new Rate(settings.SERVER_ADDRESS_REFUSALS_PER_MINUTE, 60_000),
  });
}

function createAgencyTable(settings: ServerSettings): AgencyTable {
  const { SERVER_AGENCY_CONNECTS_PER_SECOND: connects, SERVER_AGENCY_CONNECT_BURST: burst } = settings;
  const limits = {
    sessions: settings.SERVER_AGENCY_SESSIONS || Infinity,
    connects: connects === 0 ? new Rate(0, 1000) : new Rate(burst, (1000 * burst) / connects),
    bytes: new Rate(settings.SERVER_AGENCY_BYTES_PER_SECOND, 1000),
    messages: new Rate(settings.SERVER_AGENCY_MESSAGES_PER_SECOND, 1000),
    refusals: new Rate(settings.SERVER_AGENCY_REFUSALS_PER_MINUTE, 60_000),
  };
  return new AgencyTable(limits, settings.SERVER_AGENCIES);
}

function listenOptions(settings: ServerSettings, maxWaiting: number, refusals: RefusalLog): ListenSocketOptions {
  const { SERVER_IP: host, SERVER_PORT: port, SERVER_LISTEN_BACKLOG: backlog, SERVER_PROXY_FROM: trusted } = settings;
  if (trusted.length === 0) return { host, port, backlog };
  const onRefused = ({ message, remote }: ProxyHeaderRefusedError): void =>
    refusals.refused(remote, { error: message });
  return { host, port, backlog, proxyProtocol: { trusted, maxWaiting, onRefused } };
}

function createStoreModule(settings: ServerSettings): ContainerModule {
  return settings.SERVER_STORE === 'file'
    ? createFilesModule(settings.SERVER_DATA_DIR)
    : createPostgresModule(settings);
}

/** @throws SettingsError the key cannot be used. */
function bindEvidence(container: Container, { SERVER_DRAW_KEY_FILE: path }: ServerSettings, log: ActionLog): void {
  const binding = container.bind<DrawEvidence>(TOKENS.DrawEvidence);
  if (path === undefined) {
    binding.toConstantValue(NO_EVIDENCE);
    return;
  }
  // Loaded here: a server without a key needs none of it.
  /* eslint-disable @typescript-eslint/no-require-imports */
  const { readSigningKey } = require('./evidence/draw_keys') as typeof drawKeys;
  const { SignedDrawEvidence } = require('./evidence/signed_draw_evidence') as typeof signedEvidence;
  /* eslint-enable @typescript-eslint/no-require-imports */
  const key = readSigningKey('SERVER_DRAW_KEY_FILE', path);
  binding.toResolvedValue(
    (bets: BetRepository, tracker: FinishTracker, drawRecord: DrawRecord) =>
      new SignedDrawEvidence({ bets, tracker, drawRecord, log }, key),
    [TOKENS.BetRepository, TOKENS.FinishTracker, TOKENS.DrawRecord],
  );
}

/** @throws SettingsError a file of TLS cannot be used. */
function createTransport(
  settings: ServerSettings,
  { proxyHeaders, handshakes }: ArrivalBounds,
  refusals: RefusalLog,
  activity: ServerActivity,
  log: ActionLog,
): Transport {
  const options = listenOptions(settings, proxyHeaders, refusals);
  if (!settings.SERVER_TLS) return new PlainTransport(options);
  activity.tls = new TlsActivity();
  const bounds = { timeoutMs: settings.SERVER_MESSAGE_TIMEOUT_MS, most: handshakes };
  return new TlsTransport(options, serverTlsFiles(settings), bounds, activity.tls, log);
}

/** @throws SettingsError the settings of the status server cannot be used. */
function createStatusServer(
  settings: ServerSettings,
  services: SessionServices,
  overview: LotteryOverview,
  transport: Transport,
): OptionalStatusServer {
  if (settings.SERVER_STATUS_PORT === 0) return new OptionalStatusServer(undefined, services.log);
  const identity = statusUsesTls(settings) ? () => transport.identity! : undefined;
  const token = readStatusToken(settings, services.log);
  return new OptionalStatusServer((maxConnections) => {
    // A bundle of its own (see tools/build.js): a server without a status page loads nothing of HTTP and metrics.
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const { openStatusServer } = require('./status/status_server') as typeof statusServer;
    return openStatusServer({ settings, maxConnections, overview, identity, token, ...services });
  }, services.log);
}

/** @throws SettingsError the file cannot be used. */
function readStatusToken(
  { SERVER_STATUS_TOKEN_FILE: path }: ServerSettings,
  log: ActionLog,
): tokenFile.TokenFile | undefined {
  if (path === undefined) return undefined;
  // Loaded here, as the evidence is: before the start of the listener, and only with the setting.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { TokenFile } = require('./status/access/token_file') as typeof tokenFile;
  return new TokenFile(path, log);
}
