import { createHash } from 'node:crypto';
import { type ActionLog } from '../../runtime/action_log';
import { type ServerActivity } from '../stats/server_activity';
import { AccessControl } from './access/access_control';
import { type AccessParts } from './access/access_routes';
import { type TokenFile } from './access/token_file';
import { type FinishTracker } from '../domain/finish_tracker';
import { type LotteryOverview } from '../domain/lottery_overview';
import { type ServerSettings } from '../settings';
import { type WinnerService } from '../domain/winner_service';
import { type ServerIdentity } from '../transport/transport';
import { Metrics } from './metrics/metrics';
import { loadPageDocument, loadPageWithLogin, type PageDocument } from './page_document';
import { MAX_PAGES, SseBroadcaster } from './sse_broadcaster';
import { OverviewReader } from './report/overview_reader';
import { securityHeaders } from './http/security_headers';
import { ServedHosts } from './http/served_hosts';
import { TlsSockets } from './http/tls_sockets';
import { StatusAggregator } from './report/status_aggregator';
import { createStatusApp } from './status_app';
import { BoundedHttpServer } from './http/http_server';

/** The settings and data sources of the status server. */
export interface StatusServerParts {
  readonly settings: Pick<
    ServerSettings,
    'SERVER_NAME' | 'SERVER_STATUS_PORT' | 'SERVER_STATUS_IP' | 'SERVER_STATUS_HOSTS' | 'SERVER_WINNING_NUMBER'
  >;
  readonly activity: ServerActivity;
  readonly overview: LotteryOverview;
  readonly tracker: FinishTracker;
  readonly winners: WinnerService;
  readonly log: ActionLog;
  /** The maximum number of connections, at least 2. Half of them may be open pages, at most 200. */
  readonly maxConnections: number;
  /** The server's present certificate. With it, the status server uses TLS. */
  readonly identity?: (() => ServerIdentity) | undefined;
  /** With it, clients need this token. */
  readonly token?: TokenFile | undefined;
}

const TICK_MS = 1_000;

/** The running status server: the page, the metrics and the health checks. This file composes it. */
export class StatusServer {
  private readonly tickTimer: NodeJS.Timeout;
  private ticking: Promise<void> = Promise.resolve();
  private isCountingWinners = false;
  private isFailing = false;

  constructor(
    /** The URL of the page. */
    readonly url: string,
    private readonly server: BoundedHttpServer,
    private readonly parts: StatusServerParts,
    private readonly reader: OverviewReader,
    private readonly aggregator: StatusAggregator,
    private readonly broadcaster: SseBroadcaster,
    private readonly access: AccessControl | undefined,
  ) {
    this.tickTimer = setInterval(() => void this.tick(), TICK_MS);
  }

  /** Sends a last update to the pages, then ends every connection. */
  async close(): Promise<void> {
    clearInterval(this.tickTimer);
    await this.ticking;
    await this.tick();
    this.broadcaster.end();
    await this.server.close();
    this.access?.close();
  }

  private async tick(): Promise<void> {
    await (this.ticking = this.update());
  }

  /** Logs an error, once until the next success. Errors here must not reach the bet path. */
  private async update(): Promise<void> {
    try {
      const reading = await this.reader.next();
      this.aggregator.tick(new Date(), reading);
      this.broadcaster.update();
      if (this.parts.activity.drawIsHeld && !this.aggregator.hasWinners) void this.fetchWinners();
      this.isFailing = false;
    } catch (error) {
      this.report(error);
    }
  }

  private async fetchWinners(): Promise<void> {
    if (this.isCountingWinners) return;
    this.isCountingWinners = true;
    try {
      this.aggregator.setWinners(await this.parts.winners.winnerCounts());
    } catch (error) {
      this.report(error);
    } finally {
      this.isCountingWinners = false;
    }
  }

  private report(error: unknown): void {
    if (!this.isFailing) this.parts.log.error('status_tick', 'fail', { error: String(error) });
    this.isFailing = true;
  }
}

/**
 * Opens the status server.
 *
 * @throws the error of listen(2), for example for a port in use.
 */
export async function openStatusServer(parts: StatusServerParts): Promise<StatusServer> {
  const { settings, activity, overview, tracker, log, maxConnections, identity, token } = parts;
  const access = token === undefined ? undefined : new AccessControl(token, log);
  // SIGHUP would end the process without a listener, also if this server cannot be opened.
  access?.start();
  const reader = new OverviewReader(overview, log);
  const terms = { number: settings.SERVER_WINNING_NUMBER, agencies: tracker.expected };
  const aggregator = new StatusAggregator({ serverName: settings.SERVER_NAME, terms, activity, overview });
  aggregator.tick(new Date(), await reader.next());
  const broadcaster = new SseBroadcaster(aggregator, Math.min(MAX_PAGES, Math.floor(maxConnections / 2)));
  const metrics = new Metrics({ activity, aggregator, pages: () => broadcaster.size });
  const usesTls = identity !== undefined;
  const { page, ...login } =
    access === undefined ? { page: loadPageDocument() } : loginParts(access, settings, usesTls);
  const { fetch } = createStatusApp({ activity, aggregator, broadcaster, metrics, page, log, ...login });
  const server = new BoundedHttpServer({
    fetch,
    headers: securityHeaders(page.policy, { usesTls, hasForms: access !== undefined }),
    tls: usesTls ? new TlsSockets(identity) : undefined,
    forms: access !== undefined,
    hosts: ServedHosts.of(settings),
    maxConnections: maxConnections,
    isPage: (response) => broadcaster.has(response),
    onError: (error) => log.error('status_page', 'fail', { error: error.message }),
  });
  const url = await server.listen(settings.SERVER_STATUS_PORT, settings.SERVER_STATUS_IP);
  return new StatusServer(url, server, parts, reader, aggregator, broadcaster, access);
}

/** The page with a login, and the cookie of its sessions. */
function loginParts(
  access: AccessControl,
  settings: StatusServerParts['settings'],
  usesTls: boolean,
): { readonly page: PageDocument; readonly access: AccessParts } {
  const { page, login } = loadPageWithLogin();
  return { page, access: { access, login, cookie: { name: cookieNameOf(settings, usesTls), secure: usesTls } } };
}

/**
 * Browsers share cookies among the ports of a host, so several servers have several names. The prefix `__Host-` binds a
 * cookie to https and this host (RFC 6265bis).
 */
function cookieNameOf({ SERVER_NAME, SERVER_STATUS_PORT }: StatusServerParts['settings'], usesTls: boolean): string {
  const server = createHash('sha256').update(`${SERVER_NAME} ${SERVER_STATUS_PORT}`, 'utf8').digest('hex').slice(0, 8);
  return `${usesTls ? '__Host-' : ''}lottery_${server}`;
}
