import { type QueryResultRow } from 'pg';
import { acknowledgedCommit } from './acknowledgement';
import { type Connection, type Parameter } from './connection';
import { StatementError } from './database_errors';

/** in_failed_sql_transaction: COMMIT after a statement that failed is a rollback. */
const FAILED_TRANSACTION = '25P02';

/**
 * A transaction on one connection. BEGIN is sent together with the first statement, so it costs no round trip. A
 * transaction without a statement sends nothing.
 */
export class Transaction {
  private begun: Promise<unknown> | undefined;
  private hasEnded = false;
  private conflict: StatementError | undefined;

  /**
   * @param begin the statement that begins it.
   * @param timeoutMs the time limit of each statement.
   */
  constructor(
    private readonly connection: Connection,
    private readonly begin: string,
    private readonly timeoutMs: number,
  ) {}

  /** The first conflict with another transaction. A repetition from the beginning may succeed. */
  get firstConflict(): StatementError | undefined {
    return this.conflict;
  }

  /**
   * Runs a statement and returns its rows.
   *
   * @throws StatementError the database refused it.
   * @throws DatabaseUnavailableError the connection is lost.
   */
  async query<Row extends QueryResultRow>(text: string, parameters: readonly Parameter[] = []): Promise<Row[]> {
    const { rows } = await this.run(() => this.connection.query<Row>(text, parameters, this.timeoutMs));
    return rows;
  }

  /**
   * Runs a COPY FROM STDIN with its data, and returns the number of rows. No other statement of the transaction may be
   * under way. Throws as `query` does.
   */
  copyFrom(text: string, data: readonly Uint8Array[]): Promise<number> {
    return this.run(async () => {
      await this.begun;
      return this.connection.copyFrom(text, data, this.timeoutMs);
    });
  }

  /**
   * Commits. Resolves only after a clean response.
   *
   * @throws OutcomeUnknownError any other end. The connection is destroyed.
   * @throws StatementError the database has rolled the transaction back.
   * @throws DatabaseUnavailableError the connection was lost before the COMMIT was sent.
   */
  async commit(): Promise<void> {
    this.hasEnded = true;
    if (this.begun === undefined) return;
    const send = () => this.connection.query('COMMIT', [], this.timeoutMs);
    const { command } = await acknowledgedCommit(this.connection, send).catch((error) => this.fail(error));
    if (command === 'COMMIT') return;
    throw new StatementError(`the database has ended the transaction with ${command}`, FAILED_TRANSACTION);
  }

  /** Rolls back. After a failure the connection is destroyed, which has the same effect. */
  async rollback(): Promise<void> {
    this.hasEnded = true;
    if (this.begun === undefined || !this.connection.isUsable) return;
    try {
      await this.connection.query('ROLLBACK', [], this.timeoutMs);
    } catch (error) {
      this.connection.destroy(error as Error);
    }
  }

  private async run<T>(send: () => Promise<T>): Promise<T> {
    if (this.hasEnded) throw new Error('the transaction has ended');
    try {
      if (this.begun !== undefined) return await send();
      // A BEGIN fails only with the connection, so the statement behind it never runs outside of a transaction.
      this.begun = this.connection.query(this.begin, [], this.timeoutMs);
      const [, result] = await Promise.all([this.begun, send()]);
      return result;
    } catch (error) {
      return this.fail(error);
    }
  }

  private fail(error: unknown): never {
    if (error instanceof StatementError && error.isConflict) this.conflict ??= error;
    throw error;
  }
}
