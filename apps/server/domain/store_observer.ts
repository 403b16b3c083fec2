/** The size and duration of one commit of bets. */
export interface CommitReport {
  readonly batches: number;
  readonly bytes: number;
  /** From the first write to the end of the last flush. */
  readonly milliseconds: number;
}

/** Receives the events of the store, synchronously. Its methods must return at once and must not throw. */
export interface StoreObserver {
  committed(report: CommitReport): void;
  /** The draw is held: in this run, or found in the record of an earlier one. */
  drawHeld(): void;
  /** The store has begun to accept writes again, or to refuse them. It accepts them at first. */
  writable(isWritable: boolean): void;
}

/** An observer that ignores all events. */
export const NO_OBSERVER: StoreObserver = { committed: () => {}, drawHeld: () => {}, writable: () => {} };
