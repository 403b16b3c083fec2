import { once } from 'node:events';
import { type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { formatAddress } from '../../../lib/index';
import { type ActionLog } from '../../runtime/action_log';
import { type ServerActivity } from '../activity/server_activity';
import { type BetRepository } from '../bet_repository';
import { type FinishTracker } from '../finish_tracker';
import { type ServerSettings } from '../settings';
import { type WinnerService } from '../winner_service';
import { countWinners, loadBaseline } from './baseline';
import { Metrics } from './metrics';
import { loadPageDocument } from './page_document';
import { PageStream } from './page_stream';
import { StatusBoard } from './status_board';
import { createStatusApp } from './status_app';

/** What the site shows, and where it does. */
export interface StatusSiteParts {
  readonly settings: Pick<ServerSettings, 'SERVER_STATUS_PORT' | 'SERVER_STATUS_IP' | 'SERVER_WINNING_NUMBER'>;
  /** Connections at once, pages included. */
  readonly maxConnections: number;
  readonly activity: ServerActivity;
  readonly bets: BetRepository;
  readonly tracker: FinishTracker;
  readonly winners: WinnerService;
  readonly log: ActionLog;
}

const TICK_MS = 1_000;

/** How long a client may take to send its request. */
const REQUEST_TIMEOUT_MS = 10_000;

/**
 * After so long without a byte either way a connection is cut: one that does not read its answer would keep it in memory.
 * A page that is open has a word each second.
 */
const SILENCE_TIMEOUT_MS = 30_000;

/** The open HTTP side of a server: the page, the metrics, the health. This file composes it. */
export class StatusSite {
  private readonly ticking: NodeJS.Timeout;
  private countingWinners = false;
  private failing = false;

  constructor(
    /** Where the page is. */
    readonly url: string,
    private readonly server: Server,
    private readonly parts: StatusSiteParts,
    private readonly board: StatusBoard,
    private readonly stream: PageStream,
  ) {
    this.ticking = setInterval(() => this.tick(), TICK_MS);
  }

  /** Sends the pages a last word, and ends every connection. */
  async close(): Promise<void> {
    clearInterval(this.ticking);
    this.tick();
    this.stream.end();
    const closed = once(this.server, 'close');
    this.server.close();
    // What was written is on its way with the turn's end; who does not take it then is cut off.
    setImmediate(() => this.server.closeAllConnections());
    await closed;
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
export async function openStatusSite(parts: StatusSiteParts): Promise<StatusSite> {
  const { settings, activity, bets, tracker, log } = parts;
  await loadBaseline(activity, bets, tracker);
  const board = new StatusBoard(activity, tracker.expected, settings.SERVER_WINNING_NUMBER);
  board.tick(new Date());
  const stream = new PageStream(board);
  const metrics = new Metrics({ activity, board, pages: () => stream.size });
  const app = createStatusApp({ activity, board, stream, metrics, page: loadPageDocument(), log });

  // The standard Request and Response stay the process's own: the adaptor would replace them with its own for everyone.
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  server.maxConnections = parts.maxConnections;
  server.headersTimeout = REQUEST_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.timeout = SILENCE_TIMEOUT_MS;
  server.listen({ host: settings.SERVER_STATUS_IP, port: settings.SERVER_STATUS_PORT });
  await once(server, 'listening');
  server.on('error', (error) => log.error('status_page', 'fail', { error: error.message }));
  return new StatusSite(urlOf(server), server, parts, board, stream);
}

function urlOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return `http://${formatAddress({ host: address, port })}/`;
}
