/** An agency as the store has it, whichever server stored its bets. */
export interface AgencyProgress {
  readonly agency: number;
  /** The number of its stored bets. */
  readonly bets: number;
  readonly hasFinished: boolean;
}

/** A server of a shared store, as described by its last heartbeat. Times are those of the database. */
export interface ServerState {
  readonly name: string;
  /** False: heartbeats are missing, and the server has not stopped in good order. */
  readonly isAlive: boolean;
  readonly startedAt: Date;
  /** The time of the last heartbeat. */
  readonly seenAt: Date;
  /** The number of its open sessions. */
  readonly sessions: number;
  readonly betsPerSecond: number;
}

/** The whole lottery at one moment. */
export interface LotteryState {
  /** The agencies that the store knows, in no order. To be read once, before the next turn of the event loop. */
  readonly agencies: Iterable<AgencyProgress>;
  /** The servers of the store by their names; none for a store that one server at a time has open. */
  readonly servers: readonly ServerState[];
}

/** Reads the whole lottery from the store, for the status server. */
export interface LotteryOverview {
  /** @throws StoreError the store cannot be read. */
  read(): Promise<LotteryState>;
}
