/** Wants to know how far the agency is. It must return at once, and never throw. */
export interface ProgressListener {
  /** So many of the agency's bets are stored. */
  stored(bets: number): void;
  /** All of its bets are stored; it waits for the draw. */
  finished(bets: number): void;
  /** It has its winners. */
  winners(documents: readonly string[]): void;
  /** It ended without what it was there for: told to stop (a StoppedError), or failed. */
  ended(error: Error): void;
}

/** How far the agency is, told to all who want to know. */
export class Progress implements ProgressListener {
  constructor(private readonly listeners: readonly ProgressListener[]) {}

  stored(bets: number): void {
    for (const listener of this.listeners) listener.stored(bets);
  }

  finished(bets: number): void {
    for (const listener of this.listeners) listener.finished(bets);
  }

  winners(documents: readonly string[]): void {
    for (const listener of this.listeners) listener.winners(documents);
  }

  ended(error: Error): void {
    for (const listener of this.listeners) listener.ended(error);
  }
}
