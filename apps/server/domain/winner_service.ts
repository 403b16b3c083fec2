/** Holds the draw, once, when every expected agency has finished, and gives each agency its winners. */
export interface WinnerService {
  /**
   * From here on the draw is held as soon as all agencies have finished. Called once, when the store is open.
   *
   * @param stop fires when the server stops: a draw under way is given up, and nothing of it is kept.
   */
  start(stop: AbortSignal): void;

  /**
   * Waits for the draw. Once all agencies have finished the draw is under way, and there is no timeout: no agency is
   * answered any more that it has to ask again.
   *
   * @returns true as soon as the draw is held; false if `timeoutMs` are over or `signal` fires before that.
   * @throws StoreError the draw could not be held; the next call tries again.
   */
  waitForDraw(options: { timeoutMs: number; signal: AbortSignal }): Promise<boolean>;

  /** The documents of the agency's winning bets, in the order in which they were stored. Only once the draw is held. */
  winnersOf(agency: number): Promise<readonly string[]>;

  /** Gives up a draw under way and fails every wait for it. The store closes after it. */
  close(): Promise<void>;
}
