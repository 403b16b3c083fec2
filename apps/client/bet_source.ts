/**
 * Bets on their way to the server: the value of a `B`, and how many bets it holds. The value is only good until the next
 * batch is asked for.
 */
export interface OutgoingBatch {
  readonly value: Uint8Array;
  readonly count: number;
}

/** Where an agency's bets come from. Each of its waits ends with a StoppedError once `stop` fires. */
export interface BetSource {
  /**
   * Refuses what could not be read a second time, before anything is sent.
   *
   * @throws SettingsError
   */
  requireUsable(stop: AbortSignal): Promise<void>;
  /**
   * The bets behind the first `skip`, in batches, read as they are asked for. May be called again, after a lost
   * connection.
   *
   * @throws BadRowError after the batch with all before it. @throws SourceUnreadableError. @throws SourceTooShortError
   * @throws SourceChangedError the bets are not those of the call before, or changed while they were read.
   */
  batches(skip: number, stop: AbortSignal): AsyncIterable<OutgoingBatch>;

  /**
   * Looks whether the bets are still those that were handed out: before they are closed for good.
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

/** The file is another one than when its upload began, or was written to: which rows are stored cannot be said. */
export class SourceChangedError extends BetSourceError {
  readonly code = 'SOURCE_CHANGED';
}
