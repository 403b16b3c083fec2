import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ActionLog } from '../../runtime/action_log';
import { describeWithFileLimit } from '../process/open_file_limit';
import { type StatusServer } from './status_server';

/** The maximum number of connections to the status server, if the limit of open files permits them. */
export const MAX_STATUS_CONNECTIONS = 512;

/**
 * The status server as an option of the lottery server: it provides the page, the metrics and the health checks. Bets
 * do not depend on it. It is loaded after the start of the listener; a failure to open it, such as a port in use, is
 * logged, and the server continues without it.
 */
export class OptionalStatusServer {
  private opening: Promise<StatusServer | undefined> | undefined;

  /** @param openServer undefined disables the status server. */
  constructor(
    private readonly openServer: ((maxConnections: number) => Promise<StatusServer>) | undefined,
    private readonly log: ActionLog,
  ) {}

  /**
   * Starts to open the status server and returns at once.
   *
   * @param maxConnections the maximum number of its connections.
   */
  open(maxConnections: number): void {
    const { openServer } = this;
    if (openServer !== undefined) this.opening = this.tryToOpen(() => openServer(maxConnections));
  }

  /** Resolves once all of its connections are closed. */
  async close(): Promise<void> {
    const server = await this.opening;
    if (server === undefined) return;
    await server.close();
    this.log.info('close_status_page', 'success');
  }

  private async tryToOpen(openSite: () => Promise<StatusServer>): Promise<StatusServer | undefined> {
    // The server's first accept precedes the loading of the bundle.
    await nextTurn();
    try {
      const site = await openSite();
      this.log.info('status_page', 'success', { url: site.url });
      return site;
    } catch (error) {
      this.log.error('status_page', 'fail', { error: describeWithFileLimit(error as Error) });
      return undefined;
    }
  }
}
