import { type ActionLog } from '../../runtime/action_log';
import { type ServerActivity } from '../stats/server_activity';
import { type BetRepository } from '../domain/bet_repository';
import { type FinishTracker } from '../domain/finish_tracker';
import { type ServerSettings } from '../settings';
import { type WinnerService } from '../domain/winner_service';
import { countWinners, loadBaseline } from './report/baseline';
import { Metrics } from './metrics/metrics';
import { loadPageDocument } from './page_document';
import { MOST_PAGES, SseBroadcaster } from './sse_broadcaster';
import { securityHeaders } from './http/security_headers';
import { ServedHosts } from './http/served_hosts';
import { StatusAggregator } from './report/status_aggregator';
import { createStatusApp } from './status_app';
import { BoundedHttpServer } from './http/http_server';

/** What the site shows, and where it does. */
export interface StatusServerParts {
  readonly settings: Pick<
    ServerSettings,
    'SERVER_STATUS_PORT' | 'SERVER_STATUS_IP' | 'SERVER_STATUS_HOSTS' | 'SERVER_WINNING_NUMBER'
  >;
  readonly activity: ServerActivity;
  readonly bets: BetRepository;
  readonly tracker: FinishTracker;
  readonly winners: WinnerService;
  readonly log: ActionLog;
  /** Connections at once, at least 2; of these, half may be open pages, and 200 at most. */
  readonly maxConnections: number;
}

const TICK_MS = 1_000;

/** The open HTTP side of a server: the page, the metrics, the health. This file composes it. */
export class StatusServer {
  private readonly ticking: NodeJS.Timeout;
  private countingWinners = false;
  private failing = false;

  constructor(
    /** Where the page is. */
    readonly url: string,
    private readonly server: BoundedHttpServer,
    private readonly parts: StatusServerParts,
    private readonly board: StatusAggregator,
    private readonly stream: SseBroadcaster,
  ) {
    this.ticking = setInterval(() => this.tick(), TICK_MS);
  }

  /** Sends the pages a last word, and ends every connection. */
  async close(): Promise<void> {
    clearInterval(this.ticking);
    this.tick();
    this.stream.end();
    await this.server.close();
  }

  /** Nothing that goes wrong here may reach those who bet: it is logged, once until it works again. */
  private tick(): void {
    try {
      this.board.tick(new Date());
      this.stream.update();
      if (this.parts.activity.drawIsHeld && !this.board.hasWinners) void this.fetchWinners();
      this.failing = false;
    } catch (error) {
      this.report(error);
    }
  }

  private async fetchWinners(): Promise<void> {
    if (this.countingWinners) return;
    this.countingWinners = true;
    try {
      const { activity, winners } = this.parts;
      this.board.setWinners(await countWinners(activity.agencies.keys(), winners));
    } catch (error) {
      this.report(error);
    } finally {
      this.countingWinners = false;
    }
  }

  private report(error: unknown): void {
    if (!this.failing) this.parts.log.error('status_tick', 'fail', { error: String(error) });
    this.failing = true;
  }
}

/**
 * Opens the site.
 *
 * @throws the error of listen(2), its port in use for one.
 */
export async function openStatusServer(parts: StatusServerParts): Promise<StatusServer> {
  const { settings, activity, bets, tracker, log, maxConnections } = parts;
  await loadBaseline(activity, bets, tracker);
  const board = new StatusAggregator(activity, tracker.expected, settings.SERVER_WINNING_NUMBER);
  board.tick(new Date());
  const stream = new SseBroadcaster(board, Math.min(MOST_PAGES, Math.floor(maxConnections / 2)));
  const metrics = new Metrics({ activity, board, pages: () => stream.size });
  const page = loadPageDocument();
  const { fetch } = createStatusApp({ activity, board, stream, metrics, page, log });
  const server = new BoundedHttpServer({
    fetch,
    headers: securityHeaders(page.policy),
    hosts: ServedHosts.of(settings),
    mostConnections: maxConnections,
    isPage: (response) => stream.has(response),
    onError: (error) => log.error('status_page', 'fail', { error: error.message }),
  });
  const url = await server.listen(settings.SERVER_STATUS_PORT, settings.SERVER_STATUS_IP);
  return new StatusServer(url, server, parts, board, stream);
}
