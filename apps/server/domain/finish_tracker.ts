import { type AgencyClaim } from './agency_claim';

/** The finished agencies. A finish counts once per agency, is permanent and survives a restart. */
export interface FinishTracker {
  /** The number of expected agencies. */
  readonly expected: number;

  /**
   * Records the finish of the claim's agency with its number of bets. Resolves once the record is durable. A repeated
   * call changes nothing.
   *
   * @throws ClaimSupersededError the claim has ended.
   */
  finish(claim: AgencyClaim, bets: number): Promise<void>;

  hasFinished(agency: number): Promise<boolean>;

  /** The number of finished agencies. */
  count(): Promise<number>;

  /** Resolves once all expected agencies have finished; at once if they already have. */
  whenAllFinished(): Promise<void>;
}
