/** An agency as the store has it, whichever server stored its bets. */
export interface AgencyProgress {
  readonly agency: number;
  /** The number of its stored bets. */
  readonly bets: number;
  readonly hasFinished: boolean;
}

/** The whole lottery at one moment. */
export interface LotteryState {
  /** The agencies that the store knows, in no order. To be read once, before the next turn of the event loop. */
  readonly agencies: Iterable<AgencyProgress>;
}

/** Reads the whole lottery from the store, for the status server. */
export interface LotteryOverview {
  /** @throws StoreError the store cannot be read. */
  read(): Promise<LotteryState>;
}
