import { type Connection, type Notice } from './connection';
import { describeFailure, OutcomeUnknownError, READ_ONLY, sqlStateOf, StatementError } from './database_errors';
import { describeHost } from './database_url';

/** The class of the SQLSTATEs that report success. */
const SUCCESS = /^00/;

/**
 * Sends a COMMIT and checks the answer. Only a clean one counts: a message beside it (a wait for the standby that was
 * cancelled: 01000), or any end of the connection, leaves the outcome unknown.
 *
 * @throws OutcomeUnknownError The connection is given up.
 * @throws StatementError after a conflict: the transaction is rolled back.
 * @throws DatabaseUnavailableError the connection was lost before; nothing was sent.
 */
export function acknowledgedCommit<T>(connection: Connection, send: () => Promise<T>): Promise<T> {
  return acknowledged(connection, send, (error) => error instanceof StatementError && error.isConflict);
}

/**
 * The same for a single statement that commits by itself: an error that the server sends for it is a rollback, unless it
 * ends the connection too.
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
