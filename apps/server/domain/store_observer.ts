/** A commit of the bets' store: what became durable together, and how long that took. */
export interface CommitReport {
  readonly batches: number;
  readonly bytes: number;
  /** From the first write to the disk's word that all is there. */
  readonly milliseconds: number;
}

/** Is told what the store has done, right then: it must return at once, and never throw. */
export interface StoreObserver {
  committed(report: CommitReport): void;
  /** The draw is held: just now, or found as held before a restart. */
  drawHeld(): void;
}

/** For a store that nobody watches. */
export const UNWATCHED: StoreObserver = { committed: () => {}, drawHeld: () => {} };
