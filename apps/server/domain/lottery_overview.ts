/** An agency as the store has it, whichever server stored its bets. */
export interface AgencyProgress {
  readonly agency: number;
  /** The number of its stored bets. */
  readonly bets: number;
  readonly hasFinished: boolean;
  /** Whether it has received its winners, if the store records that. */
  readonly hasWinners: boolean;
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

/** A standby that is connected to the database. */
export interface StandbyState {
  readonly name: string;
  /** Its part in a commit: `sync` or `quorum` confirm it, `potential` could take their place, `async` does not. */
  readonly mode: string;
  /** The delay of its confirmations, in seconds. */
  readonly lagSeconds: number;
  /** The bytes of changes that it has not confirmed. */
  readonly lagBytes: number;
}

/** The use of the database by this server. Counts are since the start of the process. */
export interface DatabaseUse {
  /** Connections now, and the maximum number of them. */
  readonly connections: { readonly open: number; readonly inUse: number; readonly max: number };
  readonly connectionsOpened: number;
  /** Connections that ended otherwise than by the server's stop. */
  readonly connectionsLost: number;
  /** Changes to another host of the database. */
  readonly failovers: number;
  /** Requests that waited for a connection. */
  readonly waits: number;
  /** Transactions that were repeated after a conflict. */
  readonly retries: number;
  /** Transactions without a clean response to their commit. */
  readonly unknownOutcomes: number;
}

/** The whole lottery at one moment. */
export interface LotteryState {
  /** The agencies with data in the store, in no order. To be read once, before the next turn of the event loop. */
  readonly agencies: Iterable<AgencyProgress>;
  /** The servers of the store by their names; none for a store that one server at a time has open. */
  readonly servers: readonly ServerState[];
  /** The standbys of the database; undefined if this server may not read them. */
  readonly standbys: readonly StandbyState[] | undefined;
}

/** Reads the whole lottery from the store, for the status server. */
export interface LotteryOverview {
  /** The present use of the database; undefined for a store without one. */
  readonly database: DatabaseUse | undefined;

  /** @throws StoreError the store cannot be read. */
  read(): Promise<LotteryState>;
}
