/**
 * Bets on their way to the server: the value of a `B`, and how many bets it holds. The value is only good until the next
 * batch is asked for.
 */
export interface OutgoingBatch {
  readonly value: Uint8Array;
  readonly count: number;
}

/** Where an agency's bets come from. Every method rejects with a StoppedError as soon as `stop` fires. */
export interface BetSource {
  /**
   * Checks, before the first connection, that the bets can be read more than once.
   *
   * @throws SettingsError
   */
  requireUsable(stop: AbortSignal): Promise<void>;

  /**
   * The bets behind the first `skip`, in batches, read as they are asked for. May be called again, after a lost
   * connection.
   *
   * @throws BadRowError after the batch with all before it. @throws SourceUnreadableError. @throws SourceTooShortError
   * @throws SourceChangedError the bets differ from those of an earlier call, or have changed during this one.
   */
  batches(skip: number, stop: AbortSignal): AsyncIterable<OutgoingBatch>;

  /**
   * Checks that the bets are the same as at the first call of `batches`.
   *
   * @throws SourceChangedError. @throws SourceUnreadableError
   */
  requireUnchanged(stop: AbortSignal): Promise<void>;
}

/** What keeps an agency's bets from being read. Final: a new connection does not mend it. */
export abstract class BetSourceError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A row that is no bet; the message begins with its file and line. */
export class BadRowError extends BetSourceError {
  readonly code = 'BAD_ROW';
}

/** The file is missing, or cannot be read. */
export class SourceUnreadableError extends BetSourceError {
  readonly code = 'SOURCE_UNREADABLE';
}

/** The server holds more bets of the agency than the file has: it is not the file that they came from. */
export class SourceTooShortError extends BetSourceError {
  readonly code = 'SOURCE_TOO_SHORT';
}

/** The file was replaced or written to during its upload: the number of stored bets does not identify their rows. */
export class SourceChangedError extends BetSourceError {
  readonly code = 'SOURCE_CHANGED';
}
