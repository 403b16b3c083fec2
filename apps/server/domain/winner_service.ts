/** Holds the draw once, after every expected agency has finished, and returns the winners of each agency. */
export interface WinnerService {
  /**
   * Starts the draw as soon as all agencies have finished. Called once, after the store is open.
   *
   * @param stop fires at the stop of the server. It ends a draw in progress; nothing of that draw is kept.
   */
  start(stop: AbortSignal): void;

  /**
   * Waits for the draw. The timeout applies only until all agencies have finished; then the draw is in progress, and
   * the wait ends with its result.
   *
   * @returns true once the draw is held, or false if `timeoutMs` elapse or `signal` fires first.
   * @throws StoreError the draw failed. The next call starts it again.
   */
  waitForDraw(options: { timeoutMs: number; signal: AbortSignal }): Promise<boolean>;

  /** The documents of the agency's winning bets, in the order of their storage. Valid only after the draw. */
  winnersOf(agency: number): Promise<readonly string[]>;

  /** The number of winning bets of each agency that has some. Valid only after the draw. */
  winnerCounts(): Promise<ReadonlyMap<number, number>>;

  /** Ends a draw in progress and rejects every wait for it. Called before the store closes. */
  close(): Promise<void>;
}
