import { type ServerResponse } from 'node:http';
import { type ConnectionPhase, type HttpConnection } from './http_connection';

/** The longest duration of each phase of a connection, in milliseconds. */
export type PhaseLimits = Readonly<Record<ConnectionPhase, number>>;

export const PHASE_LIMITS: PhaseLimits = {
  accepted: 10_000,
  head: 10_000,
  // An unread response stays in memory.
  answer: 30_000,
  // Browsers and Prometheus reuse connections.
  idle: 30_000,
  // The last bytes of the response are in flight, and the peer may close first.
  end: 1_000,
};

/**
 * The open connections. Their number is bounded, and none is refused: a new connection replaces the one with the oldest
 * phase. Requests are answered within milliseconds of the accept, so idle connections give way to active ones. Open
 * pages are exempt from the replacement and from the time limits; SseBroadcaster bounds them.
 */
export class OpenConnections {
  private readonly all = new Set<HttpConnection>();

  constructor(
    private readonly maxConnections: number,
    private readonly isPage: (response: ServerResponse) => boolean,
    private readonly limits: PhaseLimits = PHASE_LIMITS,
  ) {}

  add(connection: HttpConnection): void {
    if (this.all.size >= this.maxConnections) this.makeRoom();
    this.all.add(connection);
    connection.once('close', () => this.all.delete(connection));
  }

  /** The connections whose phase has exceeded its limit. */
  *overdue(): Generator<HttpConnection> {
    const now = performance.now();
    for (const connection of this.all) {
      if (now - connection.since > this.limits[connection.phase] && !this.isOpenPage(connection)) yield connection;
    }
  }

  closeAll(): void {
    for (const connection of this.all) connection.destroy();
  }

  private makeRoom(): void {
    let longest: HttpConnection | undefined;
    for (const connection of this.all) {
      if (this.isOpenPage(connection)) continue;
      if (longest === undefined || connection.since < longest.since) longest = connection;
    }
    if (longest === undefined) return;
    longest.destroy();
    this.all.delete(longest);
  }

  private isOpenPage({ response }: HttpConnection): boolean {
    return response !== undefined && this.isPage(response);
  }
}
