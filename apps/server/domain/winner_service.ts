/** Holds the draw, once, when every expected agency has finished, and gives each agency its winners. */
export interface WinnerService {
  /**
   * Waits for the draw. Where all have finished it is under way, and there is no timeout: an agency that asks is not
   * sent away any more.
   *
   * @returns true as soon as the draw is held, false where `timeoutMs` are over or `signal` fires before that.
   * @throws StoreError the draw could not be held; the next call tries again.
   */
  waitForDraw(options: { timeoutMs: number; signal: AbortSignal }): Promise<boolean>;

  /** The documents of the agency's winning bets, in the order in which they were stored. Only once the draw is held. */
  winnersOf(agency: number): Promise<readonly string[]>;
}
