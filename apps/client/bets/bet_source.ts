import { type BetsDigest } from '../../protocol/bets_digest';

/** The value of a `B` and its number of bets. The value is valid until the next batch is read. */
export interface OutgoingBatch {
  readonly value: Uint8Array;
  readonly count: number;
}

/** The source of an agency's bets. Every method rejects with a StoppedError as soon as `stop` fires. */
export interface BetSource {
  /**
   * Checks, before the first connection, that the bets can be read more than once.
   *
   * @throws SettingsError
   */
  requireUsable(stop: AbortSignal): Promise<void>;

  /**
   * The bets after the first `skip`, in batches that are read on demand. It may be called again, after a lost
   * connection.
   *
   * @throws BadRowError after the batch with all bets before the row.
   * @throws SourceUnreadableError
   * @throws SourceTooShortError
   * @throws SourceChangedError the bets differ from those of an earlier call, or have changed during this one.
   */
  batches(skip: number, stop: AbortSignal): AsyncIterable<OutgoingBatch>;

  /**
   * Compares the first bets with those that the server has stored, by their digest.
   *
   * @throws SourceMismatchError they differ.
   * @throws BadRowError one of them is no bet.
   * @throws SourceTooShortError
   * @throws SourceUnreadableError
   * @throws SourceChangedError
   */
  requireStored(stored: BetsDigest, stop: AbortSignal): Promise<void>;

  /**
   * Checks that the bets are the same as at the first call of `batches`.
   *
   * @throws SourceChangedError
   * @throws SourceUnreadableError
   */
  requireUnchanged(stop: AbortSignal): Promise<void>;
}
