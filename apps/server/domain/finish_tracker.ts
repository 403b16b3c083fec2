/** Who has finished: an agency counts once, for good, also after a restart. */
export interface FinishTracker {
  /** How many agencies are expected. */
  readonly expected: number;

  /**
   * Notes that the agency has finished, with so many bets. Resolves once that is durable; a second time it changes
   * nothing.
   */
  finish(agency: number, bets: number): Promise<void>;

  hasFinished(agency: number): Promise<boolean>;

  /** The agencies that have finished, in no order. */
  agencies(): Promise<readonly number[]>;

  /** How many agencies have finished. */
  count(): Promise<number>;

  /** Resolves once all expected agencies have finished; at once where they have. */
  whenAllFinished(): Promise<void>;
}
