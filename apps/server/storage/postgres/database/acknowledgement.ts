import { type Connection, type Notice } from './connection';
import { describeFailure, OutcomeUnknownError, READ_ONLY, sqlStateOf, StatementError } from './database_errors';
import { describeHost } from './database_url';

/** The class of the SQLSTATEs that report success. */
const SUCCESS = /^00/;

/**
 * Sends a COMMIT and checks the response. Only a clean one is an acknowledgement: after a notice beside it (01000: the
 * wait for the standby was cancelled), or any end of the connection, the outcome is unknown.
 *
 * @throws OutcomeUnknownError the connection is destroyed.
 * @throws StatementError after a conflict: the transaction is rolled back.
 * @throws DatabaseUnavailableError the connection was lost before; nothing was sent.
 */
export function acknowledgedCommit<T>(connection: Connection, send: () => Promise<T>): Promise<T> {
  return acknowledged(connection, send, (error) => error instanceof StatementError && error.isConflict);
}

/**
 * The same for a single statement with an implicit transaction: an error response to it is a rollback, unless it also
 * ends the connection.
 */
export function acknowledgedWrite<T>(connection: Connection, send: () => Promise<T>): Promise<T> {
  return acknowledged(connection, send, (error) => {
    return error instanceof StatementError || sqlStateOf((error as Error).cause) === READ_ONLY;
  });
}

async function acknowledged<T>(
  connection: Connection,
  send: () => Promise<T>,
  isRolledBack: (error: unknown) => boolean,
): Promise<T> {
  if (!connection.isUsable) return send();
  connection.takeNotice();
  let answer: T;
  try {
    answer = await send();
  } catch (cause) {
    throw isRolledBack(cause) ? cause : outcomeUnknown(connection, describeFailure(cause), cause);
  }
  const notice = connection.takeNotice();
  if (notice === undefined || SUCCESS.test(notice.code ?? '')) return answer;
  throw outcomeUnknown(connection, describeNotice(notice));
}

function outcomeUnknown(connection: Connection, reason: string, cause?: unknown): OutcomeUnknownError {
  const where = describeHost(connection.host);
  const error = new OutcomeUnknownError(`it is unknown whether the database at ${where} has stored it: ${reason}`, {
    cause,
  });
  connection.destroy(error);
  return error;
}

function describeNotice({ message, code }: Notice): string {
  return `${message ?? 'a warning'} (${code ?? 'no code'})`;
}
