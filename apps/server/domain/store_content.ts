import { type DrawTerms } from './draw_record';
import { type Finish } from './finish_tracker';

/** The whole content of a store, for its transfer into another one. */
export interface StoreContent {
  readonly terms: DrawTerms;
  /** Whether the draw was held. */
  readonly isHeld: boolean;
  /** The number of stored bets of each agency with bets. */
  readonly counts: ReadonlyMap<number, number>;
  /** The finish of each finished agency. */
  readonly finishes: ReadonlyMap<number, Finish>;

  /** The signed record of the draw, or undefined without one. */
  readEvidence(): Promise<string | undefined>;

  /**
   * The rows of all bets in the form of bets.csv, in pieces of any size. The rows of an agency are in the order of their
   * storage. A piece is valid until the next one is requested.
   *
   * @throws StoreStoppedError `stop` has fired.
   */
  readRows(stop: AbortSignal): AsyncIterable<Uint8Array>;
}
