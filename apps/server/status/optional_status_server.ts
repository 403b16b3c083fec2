import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ActionLog } from '../../runtime/action_log';
import { describeWithFileLimit } from '../process/open_file_limit';
import { type StatusServer } from './status_server';

/** Connections to the status page at once, where the system allows enough open files. */
export const MAX_STATUS_CONNECTIONS = 512;

/**
 * The server's side for those who watch it: the page, the metrics, the health. The bets do not depend on it: it is
 * loaded once they are taken, and where it cannot be opened (its port is in use, say) the log says so and the server
 * goes on without.
 */
export class OptionalStatusServer {
  private opening: Promise<StatusServer | undefined> | undefined;

  /** @param openSite undefined: there is to be none. */
  constructor(
    private readonly openSite: ((maxConnections: number) => Promise<StatusServer>) | undefined,
    private readonly log: ActionLog,
  ) {}

  /**
   * Begins to open it, and returns at once.
   *
   * @param maxConnections how many connections it may hold at once.
   */
  open(maxConnections: number): void {
    const { openSite } = this;
    if (openSite !== undefined) this.opening = this.tryToOpen(() => openSite(maxConnections));
  }

  /** Resolves once nobody is served any more. */
  async close(): Promise<void> {
    const site = await this.opening;
    if (site === undefined) return;
    await site.close();
    this.log.info('close_status_page', 'success');
  }

  private async tryToOpen(openSite: () => Promise<StatusServer>): Promise<StatusServer | undefined> {
    // The server's first accept comes before anything is loaded.
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
