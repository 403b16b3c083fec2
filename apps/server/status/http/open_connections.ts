import { type ServerResponse } from 'node:http';
import { type ConnectionPhase, type HttpConnection } from './http_connection';

/** How long a phase of a connection may last, in milliseconds. */
export type PhaseLimits = Readonly<Record<ConnectionPhase, number>>;

export const PHASE_LIMITS: PhaseLimits = {
  accepted: 10_000,
  head: 10_000,
  // An answer that is not read stays in memory.
  answer: 30_000,
  // Browsers and Prometheus use a connection again.
  idle: 30_000,
  // The last bytes of the answer are on their way, and the other side may close first.
  end: 1_000,
};

/**
 * The connections that are open. Their number is bounded, and yet none is turned away: for one that comes, the one whose
 * phase began the longest ago is closed. A request is answered within milliseconds of its accept, so those who hold
 * connections lose them to those who ask. Open pages are left alone, by this and by the limits: they have a bound and a
 * patience of their own.
 */
export class OpenConnections {
  private readonly all = new Set<HttpConnection>();

  constructor(
    private readonly most: number,
    private readonly isPage: (response: ServerResponse) => boolean,
    private readonly limits: PhaseLimits = PHASE_LIMITS,
  ) {}

  add(connection: HttpConnection): void {
    if (this.all.size >= this.most) this.makeRoom();
    this.all.add(connection);
    connection.once('close', () => this.all.delete(connection));
  }

  /** The connections whose phase has lasted longer than it may. */
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
