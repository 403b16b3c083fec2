import { Client, type ClientConfig } from 'pg';
import { setTimeout as delay } from 'node:timers/promises';

/** The longest time for one statement, in milliseconds; without it, the wait for a standby would have no end. */
const QUERY_TIMEOUT_MS = 3_000;

/** The table of the writers. */
export const WRITTEN = 'CREATE TABLE written (writer integer, number bigint, PRIMARY KEY (writer, number))';

/**
 * Inserts the numbers 1, 2, 3 … one per transaction, at the first of several nodes that accepts writes, and records the
 * acknowledged ones: those of a COMMIT without a warning. It finds losses of the database without a lottery on it.
 */
export class AcknowledgedWriter {
  readonly acknowledged: number[] = [];
  private isStopped = false;
  private next = 1;
  private running: Promise<void> | undefined;

  constructor(
    readonly id: number,
    private readonly hosts: readonly string[],
    private readonly database: string,
    private readonly user: string,
  ) {}

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running;
  }

  private async run(): Promise<void> {
    for (let turn = 0; !this.isStopped; turn++) {
      const host = this.hosts[turn % this.hosts.length]!;
      const { user, database } = this;
      await this.writeOn({ host, user, database, connectionTimeoutMillis: 1_000, query_timeout: QUERY_TIMEOUT_MS });
      await delay(20);
    }
  }

  /** Writes on one connection until it fails. An unknown outcome counts as not acknowledged. */
  private async writeOn(config: ClientConfig): Promise<void> {
    const client = new Client(config);
    let hasWarning = false;
    client.on('error', () => {});
    client.on('notice', () => (hasWarning = true));
    try {
      await client.connect();
      while (!this.isStopped) {
        const number = this.next++;
        await client.query('INSERT INTO written VALUES ($1, $2)', [this.id, number]);
        if (hasWarning) throw new Error('a commit with a warning');
        this.acknowledged.push(number);
      }
    } catch {
      // The next connection continues.
    } finally {
      // With a query under way, this closes the socket.
      void client.end().catch(() => {});
    }
  }
}
