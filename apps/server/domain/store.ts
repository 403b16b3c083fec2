/**
 * What keeps a draw: the bets, who has finished, and the draw itself. It is opened before the first of its services is
 * used, and closed after the last.
 */
export interface Store {
  /**
   * Has the listener called, once, as soon as nothing can be stored any more, also where nobody is storing anything.
   * There is one listener; it comes before `open`.
   */
  onBroken(listener: (error: Error) => void): void;

  /**
   * Makes the services ready: takes hold of what they keep things in, checks what is there, and puts in order what a
   * crash left. Where it fails, nothing that was stored is touched, and everything is let go of.
   *
   * @throws StoreError
   * @throws StoreStoppedError `stop` has fired: the next opening begins anew.
   */
  open(stop: AbortSignal): Promise<void>;

  /** Waits for what is under way, and lets go of everything. */
  close(): Promise<void>;
}
