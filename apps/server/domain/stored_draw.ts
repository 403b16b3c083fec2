import { type DrawTerms } from './draw_record';
import { type Finish } from './finish_tracker';

/** A draw as it is stored, for its audit. */
export interface StoredDraw {
  /** The terms of the held draw; undefined before the draw. */
  readonly terms: DrawTerms | undefined;
  readonly finishes: ReadonlyMap<number, Finish>;
  /** The signed record, or undefined without one. */
  readonly evidence: string | undefined;
  /** The places of each agency's stored winners, in ascending order; undefined if the store keeps none. */
  readonly winners: ReadonlyMap<number, readonly number[]> | undefined;
  /** The rows of all bets in the form of bets.csv, in pieces of any size. A piece is valid until the next one is requested. */
  readRows(): AsyncIterable<Uint8Array>;
}
