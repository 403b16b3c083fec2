import { type BetBatch } from '../../protocol/bet_batch';
import { type BetsDigest } from '../../protocol/bets_digest';
import { type AgencyClaim } from './agency_claim';

/** A winning bet. */
export interface Winner {
  readonly agency: number;
  readonly document: string;
}

/** The place of a winning bet. */
export interface WinningRow {
  readonly agency: number;
  /** Its place among the agency's bets, from 1 on. */
  readonly row: number;
}

/** Stores bets. An acknowledged bet is durable: it survives a crash of the process and of the machine. */
export interface BetRepository {
  /**
   * Claims the agency for a session. Every older claim of the agency ends: nothing is stored under it from now on.
   *
   * @throws StoreError
   */
  claim(agency: number): Promise<AgencyClaim>;

  /** Sets the listener for claims of this server ended by another server. There is one listener, set before `open`. */
  onSuperseded(listener: (claim: AgencyClaim) => void): void;

  /**
   * Stores a batch of the claim's agency completely or not at all.
   *
   * @param after the number of the agency's bets before this batch, those in flight included. The check rejects a batch
   * behind a failed one, and a repeated batch.
   * @returns the number of the agency's stored bets, this batch included. The batch is durable.
   * @throws ClaimSupersededError the claim has ended.
   * @throws BatchOutOfSequenceError the number of stored bets differs from `after`.
   * @throws StoreWriteError nothing of the batch is stored. A later attempt may succeed.
   * @throws StoreBrokenError the store accepts no more writes.
   */
  append(claim: AgencyClaim, batch: BetBatch, after: number): Promise<number>;

  /**
   * The digest of the agency's first `count` bets, all of them acknowledged. The first call for an agency may read all its
   * rows; a further call reads the rows stored since. It changes nothing.
   *
   * @throws BatchOutOfSequenceError the agency has fewer bets, or a digest of more was requested before.
   * @throws StoreStoppedError the store is closing.
   * @throws StoreError the bets cannot be read.
   */
  digest(agency: number, count: number): Promise<BetsDigest>;

  /**
   * The bets with this number, in the order of their storage.
   *
   * @throws StoreStoppedError `stop` has fired.
   */
  winners(number: number, stop: AbortSignal): AsyncIterable<Winner>;

  /**
   * The places of the bets with this number, those of an agency in ascending order. It may read all bets.
   *
   * @throws StoreStoppedError `stop` has fired.
   */
  winningRows(number: number, stop: AbortSignal): AsyncIterable<WinningRow>;
}
