import { setTimeout as delay } from 'node:timers/promises';
import { type QueryResultRow } from 'pg';
import { acknowledgedWrite } from './acknowledgement';
import { type Connection, type Parameter } from './connection';
import { ConnectionPool } from './connection_pool';
import { Connector } from './connector';
import { createCounters, type DatabaseCounters } from './database_counters';
import { OutcomeUnknownError, StatementError } from './database_errors';
import { type DatabaseTarget } from './database_target';
import { describeDatabase } from './database_url';
import { Transaction } from './transaction';

export interface DatabaseOptions {
  /** The number of connections at most. */
  readonly connections: number;
  /** The time limit of a statement, in milliseconds; the server ends it a little earlier. */
  readonly timeoutMs?: number;
  /** The time limit of a wait for a connection, in milliseconds. */
  readonly waitMs?: number;
  /** Counters that several databases share. */
  readonly counters?: DatabaseCounters;
}

/** Other limits for one request than those of the database. */
export interface RequestOptions {
  readonly timeoutMs?: number;
  readonly waitMs?: number;
}

const TIMEOUT_MS = 6_000;
const WAIT_MS = 5_000;

/**
 * The server's time limit of a statement is this much shorter, in milliseconds. A statement that the server ends leaves
 * the connection usable, and nothing of it is stored.
 */
const SERVER_LEAD_MS = 1_000;

/** The maximum number of runs of a transaction with conflicts. */
const ATTEMPTS = 6;

/** The pause before run n + 1 of a transaction is random, up to this time × 2^n, in milliseconds. */
const CONFLICT_PAUSE_MS = 10;

/**
 * The PostgreSQL database of several lottery servers. Each request uses one connection exclusively.
 *
 * A request is stored once `transaction` or `write` has resolved. After OutcomeUnknownError a later read shows the
 * outcome. After any other error nothing of the request is stored.
 */
export class Database {
  readonly counters: DatabaseCounters;
  private readonly pool: ConnectionPool;
  private readonly timeoutMs: number;
  private readonly waitMs: number;

  constructor(
    private readonly target: DatabaseTarget,
    { connections, timeoutMs = TIMEOUT_MS, waitMs = WAIT_MS, counters = createCounters() }: DatabaseOptions,
  ) {
    this.counters = counters;
    this.timeoutMs = timeoutMs;
    this.waitMs = waitMs;
    const connector = new Connector(target, serverTimeout(timeoutMs), counters);
    this.pool = new ConnectionPool(() => connector.connect(), connections, counters);
  }

  /** `host:port,…/database`, for log lines. */
  get address(): string {
    return describeDatabase(this.target.url);
  }

  get openConnections(): number {
    return this.pool.open;
  }

  get connectionsInUse(): number {
    return this.pool.inUse;
  }

  /**
   * Runs a statement that writes nothing, and returns its rows.
   *
   * @throws StatementError the database refused it.
   * @throws DatabaseUnavailableError there is no connection, or it was lost.
   */
  async query<Row extends QueryResultRow>(
    text: string,
    parameters: readonly Parameter[] = [],
    { timeoutMs = this.timeoutMs, waitMs = this.waitMs }: RequestOptions = {},
  ): Promise<Row[]> {
    return this.withConnection(waitMs, async (connection) => {
      const { rows } = await connection.query<Row>(text, parameters, timeoutMs);
      return rows;
    });
  }

  /**
   * Runs one statement as a transaction of its own, in a single round trip, and returns its rows once it is committed.
   *
   * @throws OutcomeUnknownError, StatementError, DatabaseUnavailableError as `transaction` does.
   */
  async write<Row extends QueryResultRow>(
    text: string,
    parameters: readonly Parameter[] = [],
    { timeoutMs = this.timeoutMs, waitMs = this.waitMs }: RequestOptions = {},
  ): Promise<Row[]> {
    return this.withoutConflict(() =>
      this.withConnection(waitMs, async (connection) => {
        const send = () => connection.query<Row>(text, parameters, timeoutMs);
        const { rows } = await acknowledgedWrite(connection, send);
        return rows;
      }),
    );
  }

  /**
   * Runs `work` in a transaction and commits it. After a conflict with another transaction (40001, 40P01) all of `work`
   * is run again, so it has no effects elsewhere. If `work` throws, the transaction is rolled back.
   *
   * @throws OutcomeUnknownError the COMMIT was sent, and there is no clean response.
   * @throws StatementError the database refused a statement.
   * @throws DatabaseUnavailableError there is no connection, or it was lost before the COMMIT was sent.
   */
  async transaction<T>(
    work: (transaction: Transaction) => Promise<T>,
    { timeoutMs = this.timeoutMs, waitMs = this.waitMs }: RequestOptions = {},
  ): Promise<T> {
    const begin =
      timeoutMs === this.timeoutMs ? 'BEGIN' : `BEGIN; SET LOCAL statement_timeout = ${serverTimeout(timeoutMs)}`;
    return this.withoutConflict(() =>
      this.withConnection(waitMs, (connection) => runOnce(new Transaction(connection, begin, timeoutMs), work)),
    );
  }

  /** Ends all connections after the requests in flight. Later requests are rejected. */
  close(): Promise<void> {
    return this.pool.close();
  }

  /** Ends all connections at once. The requests in flight are rejected. */
  destroy(): void {
    this.pool.destroy();
  }

  private async withConnection<T>(waitMs: number, use: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.pool.acquire(waitMs);
    try {
      return await use(connection);
    } catch (error) {
      if (error instanceof OutcomeUnknownError) this.counters.unknownOutcomes++;
      // The idle connections lead to the same server, most likely.
      if (!connection.isUsable) this.pool.giveUpIdle();
      throw error;
    } finally {
      this.pool.release(connection);
    }
  }

  /** Repeats `run` after a conflict with another transaction, up to `ATTEMPTS` runs in all. */
  private async withoutConflict<T>(run: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await run();
      } catch (error) {
        if (!(error instanceof StatementError) || !error.isConflict || attempt === ATTEMPTS) throw error;
        this.counters.retries++;
        await delay(Math.random() * CONFLICT_PAUSE_MS * 2 ** attempt);
      }
    }
  }
}

async function runOnce<T>(transaction: Transaction, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  try {
    const result = await work(transaction);
    await transaction.commit();
    return result;
  } catch (error) {
    await transaction.rollback();
    throw transaction.firstConflict ?? error;
  }
}

function serverTimeout(timeoutMs: number): number {
  return Math.max(timeoutMs - SERVER_LEAD_MS, Math.ceil(timeoutMs / 2));
}
