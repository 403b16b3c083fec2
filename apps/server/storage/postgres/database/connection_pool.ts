import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { StoreStoppedError } from '../../../domain/store_errors';
import { type Connection } from './connection';
import { type DatabaseCounters } from './database_counters';
import { DatabaseRefusedError, DatabaseUnavailableError } from './database_errors';

/** The pause between two attempts to connect, in milliseconds; up to twice as long, by chance. */
const PAUSE_MS = 100;

interface Waiter {
  settle(result: Connection | Error | 'try'): void;
}

/**
 * A pool with a fixed number of connections, opened on demand. A free one is handed out at once, without a round trip
 * to the server. Requests are served in the order of their arrival. A lost connection is replaced at the next request.
 */
export class ConnectionPool {
  private readonly idle: Connection[] = [];
  private readonly atWork = new Set<Connection>();
  private readonly waiting = new Set<Waiter>();
  private readonly closing = new AbortController();
  /** Connections that are open or being opened. */
  private size = 0;
  private onAllReleased: () => void = () => {};
  private closed: Promise<void> | undefined;

  constructor(
    private readonly connect: () => Promise<Connection>,
    private readonly limit: number,
    private readonly counters: DatabaseCounters,
  ) {
    // Each attempt to connect listens to it during a pause.
    setMaxListeners(0, this.closing.signal);
  }

  /** The number of open connections. */
  get open(): number {
    return this.size;
  }

  /** The number of connections in use. */
  get inUse(): number {
    return this.size - this.idle.length;
  }

  /**
   * A connection for exclusive use until its release. While no server can be reached, attempts are repeated for
   * `waitMs`.
   *
   * @throws DatabaseUnavailableError none within `waitMs`.
   * @throws DatabaseRefusedError, SettingsError at once.
   * @throws StoreStoppedError the pool is closed.
   */
  async acquire(waitMs: number): Promise<Connection> {
    const connection = await this.obtain(performance.now() + waitMs, waitMs);
    this.atWork.add(connection);
    return connection;
  }

  /** Takes a connection back. */
  release(connection: Connection): void {
    this.atWork.delete(connection);
    if (!connection.isUsable) {
      this.counters.lost++;
      return this.shrink();
    }
    const [next] = this.waiting;
    if (next !== undefined) return next.settle(connection);
    this.idle.push(connection);
    if (this.closing.signal.aborted) this.endIdle();
  }

  /** Destroys all idle connections: their server is gone, or is no longer the primary. */
  giveUpIdle(): void {
    for (const connection of Array.from(this.idle)) connection.destroy();
  }

  /** Rejects the waiting requests, waits for the connections in use, and ends all. */
  close(): Promise<void> {
    this.closed ??= this.closeOnce();
    return this.closed;
  }

  /** Ends all connections at once. The statements in flight are rejected. */
  destroy(): void {
    this.stopGranting();
    for (const connection of this.atWork) connection.destroy(stopped());
  }

  private async closeOnce(): Promise<void> {
    this.stopGranting();
    if (this.size === 0) return;
    await new Promise<void>((resolve) => {
      this.onAllReleased = resolve;
    });
  }

  private stopGranting(): void {
    this.closing.abort();
    for (const waiter of this.waiting) waiter.settle(stopped());
    this.endIdle();
  }

  private async obtain(deadline: number, waitMs: number): Promise<Connection> {
    for (let first = true; ; first = false) {
      this.throwIfClosed();
      const connection = this.idle.pop();
      if (connection !== undefined) return connection;
      if (first && this.size >= this.limit) this.counters.waits++;
      const granted = this.size < this.limit ? await this.openUntil(deadline) : await this.waitUntil(deadline, waitMs);
      if (granted !== undefined) return granted;
    }
  }

  /** Removes a lost idle connection. A connection in use is removed at its release. */
  private onLost(connection: Connection): void {
    const index = this.idle.indexOf(connection);
    if (index < 0) return;
    this.idle.splice(index, 1);
    this.counters.lost++;
    this.shrink();
  }

  /** Opens a connection. Undefined after a pause if that failed and may succeed later. */
  private async openUntil(deadline: number): Promise<Connection | undefined> {
    this.size++;
    try {
      const connection = await this.connect();
      connection.onLost(() => this.onLost(connection));
      if (!this.closing.signal.aborted) return connection;
      connection.end();
      throw stopped();
    } catch (error) {
      this.shrink();
      const pause = PAUSE_MS * (1 + Math.random());
      if (!(error instanceof DatabaseUnavailableError) || error instanceof DatabaseRefusedError) throw error;
      if (performance.now() + pause > deadline) throw error;
      await delay(pause, undefined, { signal: this.closing.signal }).catch(() => {});
      return undefined;
    }
  }

  /** Waits for a release. Undefined if a connection may be opened instead. */
  private waitUntil(deadline: number, waitMs: number): Promise<Connection | undefined> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        settle: (result) => {
          clearTimeout(timer);
          this.waiting.delete(waiter);
          if (result instanceof Error) reject(result);
          else resolve(result === 'try' ? undefined : result);
        },
      };
      const timer = setTimeout(() => {
        const all = `all ${this.limit} connections to the database`;
        waiter.settle(new DatabaseUnavailableError(`${all} were in use for ${waitMs} ms`));
      }, deadline - performance.now());
      this.waiting.add(waiter);
    });
  }

  private shrink(): void {
    this.size--;
    const [next] = this.waiting;
    next?.settle('try');
    if (this.size === 0) this.onAllReleased();
  }

  private endIdle(): void {
    for (const connection of this.idle.splice(0)) {
      connection.end();
      this.shrink();
    }
  }

  private throwIfClosed(): void {
    if (this.closing.signal.aborted) throw stopped();
  }
}

function stopped(): StoreStoppedError {
  return new StoreStoppedError('the connections to the database are closed');
}
