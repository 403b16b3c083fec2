import { type DrawTerms } from './draw_record';

/** The evidence of a draw for its audit: the digest of each agency's bets at its finish, and a signed record of the draw. */
export interface DrawEvidence {
  /**
   * The digest of the agency's bets, to be stored with its finish; undefined if no evidence is kept.
   *
   * @throws StoreError
   */
  digestAtFinish(agency: number, bets: number): Promise<string | undefined>;

  /**
   * Stores the signed record of a held draw, unless it is stored already. Resolves once it is durable.
   *
   * @throws StoreStoppedError `stop` has fired.
   * @throws StoreError
   */
  record(terms: DrawTerms, stop: AbortSignal): Promise<void>;
}

/** Keeps no evidence: there is no key for its signature. */
export const NO_EVIDENCE: DrawEvidence = { digestAtFinish: async () => undefined, record: async () => {} };
