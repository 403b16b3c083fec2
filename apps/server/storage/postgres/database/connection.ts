import { Socket } from 'node:net';
import { type Client, type ClientConfig, type QueryResult, type QueryResultRow } from 'pg';
import { DatabaseUnavailableError, describeFailure, refusalOf } from './database_errors';
import { type DatabaseHost, describeHost } from './database_url';
import { loadCopyStreams, loadPg } from './driver';

/** A notice of the server: a message beside the results of statements. `code` is its SQLSTATE. */
export interface Notice {
  readonly code: string | undefined;
  readonly message: string | undefined;
}

/** A value of a parameter. An array becomes an array of PostgreSQL. */
export type Parameter = string | number | boolean | Date | null | readonly (string | number | boolean | null)[];

const INT8 = 20;

/** The silence of an idle connection before the kernel's first keep-alive probe, in milliseconds. */
const KEEP_ALIVE_MS = 5_000;

/**
 * One connection to one server of the database. Statements are sent in the order of the calls, without a wait for the
 * responses to earlier ones. A statement without a response within its time limit ends the connection. This limit alone
 * ends a wait for a standby or for a silent server; `statement_timeout` does not.
 *
 * Values of type bigint become numbers; one above 2^53 - 1 is an error.
 */
export class Connection {
  private failure: Error | undefined;
  private readonly socket: Socket;
  private readonly client: Client;
  /** The last notice of the server; `takeNotice` clears it. */
  private notice: Notice | undefined;
  private lossListener: () => void = () => {};
  /** The number of statements without a response. */
  private underWay = 0;

  private constructor(
    readonly host: DatabaseHost,
    config: ClientConfig,
  ) {
    // With a socket of its own the connection can be destroyed at once; `end()` of the client waits for the server.
    this.socket = new Socket();
    const { Client } = loadPg();
    this.client = new Client({
      ...config,
      host: host.host,
      port: host.port,
      stream: () => this.socket,
      pipeline: true,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      types: { getTypeParser: parserOf },
    });
    this.client.on('error', (error) => this.markLost(error));
    this.client.on('end', () => this.markLost(new Error('the connection has ended')));
    this.client.on('notice', ({ code, message }) => {
      this.notice = { code, message };
    });
  }

  /** Connects to one host. Rejects with the original error of `pg`; the caller distinguishes its kinds. */
  static async open(host: DatabaseHost, config: ClientConfig): Promise<Connection> {
    const connection = new Connection(host, config);
    try {
      await connection.client.connect();
    } catch (error) {
      connection.destroy();
      throw error;
    }
    return connection;
  }

  /** Sets the listener for the loss of the connection. It is called at most once. */
  onLost(listener: () => void): void {
    this.lossListener = listener;
  }

  /** Whether a statement can be sent. */
  get isUsable(): boolean {
    return this.failure === undefined;
  }

  /**
   * Sends a statement; several in one text only without parameters.
   *
   * @throws StatementError the server refused it.
   * @throws DatabaseUnavailableError the connection is lost.
   */
  query<Row extends QueryResultRow>(
    text: string,
    parameters: readonly Parameter[],
    timeoutMs: number,
  ): Promise<QueryResult<Row>> {
    return this.answered(timeoutMs, () => this.client.query<Row>(text, parameters as unknown[]));
  }

  /**
   * Sends a COPY FROM STDIN with its data, and returns the number of rows. No other statement may be under way. Throws
   * as `query` does.
   */
  async copyFrom(text: string, data: readonly Uint8Array[], timeoutMs: number): Promise<number> {
    if (this.underWay > 0) throw new Error('a COPY needs a connection without another statement under way');
    return this.answered(timeoutMs, () => {
      // `pg` takes no statement of this kind into a pipeline, which is empty now.
      this.setPipelining(false);
      const stream = this.client.query(loadCopyStreams().from(text));
      const done = new Promise<number>((resolve, reject) => {
        stream.once('error', reject);
        stream.once('finish', () => resolve(stream.rowCount));
      });
      for (const piece of data) stream.write(piece);
      stream.end();
      return done.finally(() => this.setPipelining(true));
    });
  }

  /** Returns the last notice, and clears it. */
  takeNotice(): Notice | undefined {
    const { notice } = this;
    this.notice = undefined;
    return notice;
  }

  /** Ends the connection in good order. No statement may be under way. */
  end(): void {
    if (!this.isUsable) return;
    this.failure = new Error('closed');
    // The end is not awaited, because the server may be silent. The socket must not keep the process alive meanwhile.
    this.socket.unref();
    void this.client.end().catch(() => {});
  }

  /** Ends the connection at once. Statements under way are rejected with `reason`. */
  destroy(reason = new Error('given up')): void {
    this.markLost(reason);
    this.socket.destroy(reason);
  }

  private setPipelining(isOn: boolean): void {
    (this.client as { pipeline: boolean }).pipeline = isOn;
  }

  private markLost(reason: Error): void {
    if (this.failure !== undefined) return;
    this.failure = reason;
    this.lossListener();
  }

  /** Sends a statement on a usable connection, and waits for the response. */
  private async answered<T>(timeoutMs: number, send: () => Promise<T>): Promise<T> {
    if (this.failure !== undefined) throw this.lost(this.failure);
    const timer = setTimeout(() => this.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    this.underWay++;
    try {
      return await send();
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal !== undefined) throw refusal;
      this.destroy(error as Error);
      // The first reason has the server's SQLSTATE: it comes with an event, and the later rejection has none.
      throw this.lost(this.failure!);
    } finally {
      clearTimeout(timer);
      this.underWay--;
    }
  }

  private lost(cause: Error): DatabaseUnavailableError {
    const where = describeHost(this.host);
    return new DatabaseUnavailableError(
      `the connection to the database at ${where} is lost: ${describeFailure(cause)}`,
      {
        cause,
      },
    );
  }
}

function parserOf(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
  if (oid === INT8 && format !== 'binary') return readBigint;
  return loadPg().types.getTypeParser(oid, format) as (text: string) => unknown;
}

function readBigint(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} is not a safe integer`);
  return value;
}
