/** One service's share of the store's directory, from its opening to its close. */
export interface StorePart {
  /**
   * Reads what is stored and checks it, changing nothing.
   *
   * @throws StoreDamagedError
   * @throws StoreStoppedError `stop` has fired.
   */
  open(stop: AbortSignal): Promise<void>;

  /** Whether its files hold a record of something: then a start was completed here, which makes the files of every part. */
  readonly hasRecords: boolean;

  /** The names of its files that were not there when it was opened. */
  readonly missingFiles: readonly string[];

  /**
   * Puts in order what a crash left, and makes what is missing; the service can be used from here on.
   *
   * @throws StoreStoppedError `stop` has fired: what was done so far is what a crash could have left too.
   */
  recover(stop: AbortSignal): Promise<void>;

  /** Lets go of its files, once what is under way has ended. */
  close(): Promise<void>;
}
