/** One service's part of the store's directory, from its opening to its close. */
export interface StorePart {
  /**
   * Reads and checks the stored data, without changes.
   *
   * @throws StoreDamagedError
   * @throws StoreStoppedError `stop` has fired.
   */
  open(stop: AbortSignal): Promise<void>;

  /** Whether its files hold a record. A record proves a completed start, and so the files of every part. */
  readonly hasRecords: boolean;

  /** The names of its files that did not exist at the opening. */
  readonly missingFiles: readonly string[];

  /**
   * Repairs the effects of a crash and creates missing files. The service is ready afterwards.
   *
   * @throws StoreStoppedError `stop` has fired. The partial result is one that a crash could leave too.
   */
  recover(stop: AbortSignal): Promise<void>;

  /** Closes its files after the operations in flight. */
  close(): Promise<void>;
}
