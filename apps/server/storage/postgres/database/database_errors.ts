import { StoreError, StoreUnavailableError, StoreWriteError } from '../../../domain/store_errors';
import { loadPg } from './driver';

/**
 * No server of the database could be reached or written to, or the connection ended before the COMMIT was sent. Nothing
 * of the transaction is stored.
 */
export class DatabaseUnavailableError extends StoreUnavailableError {
  override readonly code = 'DATABASE_UNAVAILABLE';
}

/** The servers of the database were reached, and cannot be used: a wrong password, no such database, another certificate. */
export class DatabaseRefusedError extends DatabaseUnavailableError {}

/**
 * The COMMIT was sent, and there was no response, or one without the standby's confirmation. The transaction is stored,
 * or not stored, or stored on a former primary only. A read on a new connection shows the outcome.
 */
export class OutcomeUnknownError extends StoreWriteError {
  override readonly code = 'STORE_OUTCOME_UNKNOWN';
}

/** The database refused a statement: a lack of rights, a full disk, a violated constraint. Nothing of it is stored. */
export class StatementError extends StoreError {
  readonly code = 'DATABASE_STATEMENT_FAILED';

  /** @param sqlState the five characters of PostgreSQL's manual, appendix A. */
  constructor(
    message: string,
    readonly sqlState: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Whether the cause is a conflict with another transaction. A repetition may succeed. */
  get isConflict(): boolean {
    return CONFLICTS.includes(this.sqlState);
  }

  /** Whether the statement took too long. It may have waited for a transaction without an end in sight. */
  get isTimeout(): boolean {
    return this.sqlState === QUERY_CANCELED;
  }
}

const CONFLICTS = [
  '40001', // serialization_failure
  '40P01', // deadlock_detected
];

const QUERY_CANCELED = '57014';

/** read_only_sql_transaction: a standby, or a primary that was demoted, refuses before it writes anything. */
export const READ_ONLY = '25006';

/**
 * States that make a connection unusable: connection exceptions (08), a standby or a demoted primary (25006),
 * transactions and sessions that the server has ended (25P03, 57P01 to 57P05), too many connections (53300).
 */
const LOST = /^(08...|25006|25P03|57P0.|53300)$/;

/** Lasting reasons for the refusal of a connection: authorization (28), a missing database (3D). */
const REFUSED_CONNECTION = /^(28...|3D...)$/;

/** Node's codes of a refused certificate (its documentation of `tls`, X509 certificate error codes). */
const REFUSED_CERTIFICATE =
  /^(CERT_\w+|UNABLE_TO_\w+|(DEPTH_ZERO_)?SELF_SIGNED_CERT\w*|ERROR_IN_CERT_\w+|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|ERR_TLS_CERT_ALTNAME_INVALID)$/;

/** The message of `pg`'s error after a server's response `N` to SSLRequest. */
const NO_TLS = 'The server does not support SSL connections';

/** Whether a server of the database has no TLS, and the connection needs it. */
export function isWithoutTls(error: unknown): boolean {
  return (error as Error).message === NO_TLS;
}

/** Whether a person has to change something: the server refuses, or its TLS is not that of the settings. */
export function isRefusedConnection(error: unknown): boolean {
  const state = sqlStateOf(error);
  if (state !== undefined) return REFUSED_CONNECTION.test(state);
  return isWithoutTls(error) || REFUSED_CERTIFICATE.test((error as NodeJS.ErrnoException).code ?? '');
}

/** The state of an error response of the server. Errors of Node have codes of five letters too (EPIPE). */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof loadPg().DatabaseError ? error.code : undefined;
}

/** The server's refusal of a statement; undefined for an error that makes the connection unusable. */
export function refusalOf(error: unknown): StatementError | undefined {
  const state = sqlStateOf(error);
  if (state === undefined || LOST.test(state)) return undefined;
  return new StatementError(`the database refused a statement: ${describeFailure(error)}`, state, { cause: error });
}

/** The message of an error with its SQLSTATE. Node's error for a host with several addresses has none of its own. */
export function describeFailure(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describeFailure).join(', ');
  const { message } = error as Error;
  const state = sqlStateOf(error);
  return state === undefined ? message : `${message} (${state})`;
}
