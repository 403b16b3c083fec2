import { type AgencyClaim } from './agency_claim';

/** The finish of an agency. */
export interface Finish {
  /** The number of its bets. */
  readonly bets: number;
  /** The digest of their rows at the finish; undefined if no evidence was kept then. */
  readonly digest: string | undefined;
}

/** The finished agencies. A finish counts once per agency, is permanent and survives a restart. */
export interface FinishTracker {
  /** The number of expected agencies. */
  readonly expected: number;

  /**
   * Records the finish of the claim's agency with its number of bets. Resolves once the record is durable. A repeated
   * call changes nothing.
   *
   * @param digest of the rows of the bets, if evidence is kept.
   * @throws ClaimSupersededError the claim has ended.
   */
  finish(claim: AgencyClaim, bets: number, digest?: string): Promise<void>;

  hasFinished(agency: number): Promise<boolean>;

  /** The number of finished agencies. */
  count(): Promise<number>;

  /**
   * All finishes, by agency.
   *
   * @throws StoreError
   */
  readFinishes(): Promise<ReadonlyMap<number, Finish>>;

  /** Resolves once all expected agencies have finished; at once if they already have. */
  whenAllFinished(): Promise<void>;
}
