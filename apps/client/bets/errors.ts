import { CodedError } from '../../runtime/coded_error';

/** A failure of the source of bets. It is final: a new connection does not help. */
export abstract class BetSourceError extends CodedError {}

/** A row that is not a valid bet. The message begins with the file and the line. */
export class BadRowError extends BetSourceError {
  readonly code = 'BAD_ROW';
}

/** The file is missing or cannot be read. */
export class SourceUnreadableError extends BetSourceError {
  readonly code = 'SOURCE_UNREADABLE';
}

/** The server stores more bets of the agency than the file contains: it is another file than that of the upload. */
export class SourceTooShortError extends BetSourceError {
  readonly code = 'SOURCE_TOO_SHORT';
}

/** The file was replaced or written during its upload: the number of stored bets does not identify their rows. */
export class SourceChangedError extends BetSourceError {
  readonly code = 'SOURCE_CHANGED';
}

/** The first rows of the file are not those that the server has stored: the file was edited between two runs. */
export class SourceMismatchError extends BetSourceError {
  readonly code = 'SOURCE_MISMATCH';
}
