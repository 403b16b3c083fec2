/** The location of a store, for log lines and errors. It contains no secret. */
export interface StoreLocation {
  /** The name of its setting. */
  readonly setting: string;
  /** Its field in a log line, for example `dir`. */
  readonly field: string;
  readonly value: string;
}

/**
 * The storage of one lottery: the bets, the finished agencies and the record of the draw. `open` precedes the first
 * call of its services, `close` follows the last.
 */
export interface Store {
  readonly location: StoreLocation;

  /** Whether other servers use it at the same time. Agencies can connect to them while this server opens it. */
  readonly isShared: boolean;

  /**
   * Sets the listener for the failure of the store, after which nothing can be stored. It is called once, also in the
   * absence of writes. There is one listener, set before `open`.
   */
  onBroken(listener: (error: Error) => void): void;

  /**
   * Makes the services ready: acquires the resources, checks the stored data and repairs the effects of a crash. On
   * failure the stored data is unchanged and all resources are released.
   *
   * @throws StoreError
   * @throws StoreStoppedError `stop` has fired. The next opening starts from the beginning.
   */
  open(stop: AbortSignal): Promise<void>;

  /** Waits for operations in flight, then releases all resources. */
  close(): Promise<void>;
}
