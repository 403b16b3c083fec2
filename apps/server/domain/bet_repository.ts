import { type BetBatch } from '../../protocol/bet_batch';

/** A bet that won. */
export interface Winner {
  readonly agency: number;
  readonly document: string;
}

/** Keeps the bets. What it has acknowledged is durable: it survives a crash of the process and of the machine. */
export interface BetRepository {
  /** How many bets of this agency are stored. */
  count(agency: number): Promise<number>;

  /** The agencies that have bets, in no order. */
  agencies(): Promise<readonly number[]>;

  /**
   * Stores a batch whole or not at all.
   *
   * @param after how many bets of the agency are stored before it (those under way included). It keeps a batch from
   * being stored behind one that failed, or twice.
   * @returns how many bets of the agency are stored now; the batch is durable.
   * @throws BatchOutOfSequenceError others are stored than `after` says.
   * @throws StoreWriteError nothing of it is stored; a later try may succeed.
   * @throws StoreBrokenError nothing can be stored any more.
   */
  append(batch: BetBatch, after: number): Promise<number>;

  /**
   * The bets whose number has this value, in the order in which they were stored.
   *
   * @throws StoreStoppedError `stop` has fired.
   */
  winners(number: number, stop: AbortSignal): AsyncIterable<Winner>;
}
