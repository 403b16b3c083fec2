/** A listener for the progress of an agency. Its methods must return at once and must not throw. */
export interface ProgressListener {
  /** @param bets the agency's number of stored bets. */
  stored(bets: number): void;
  /** All bets are stored, and the agency waits for the draw. */
  finished(bets: number): void;
  /** The winners were received. The run has succeeded. */
  winners(documents: readonly string[]): void;
  /** The run ended without success: by a stop (StoppedError) or a failure. */
  ended(error: Error): void;
}

/** Passes the progress of an agency to all listeners. */
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
