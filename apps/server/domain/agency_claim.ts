/**
 * The right of one session to write an agency's bets and finish. A newer claim of the agency ends it, on any server of
 * the store.
 */
export interface AgencyClaim {
  readonly agency: number;
  /** Greater than the epoch of every earlier claim of the agency. */
  readonly epoch: number;
  /** The number of the agency's stored bets at the time of the claim. */
  readonly stored: number;
}
