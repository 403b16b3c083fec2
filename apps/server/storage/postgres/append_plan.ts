import { type BetBatch } from '../../../protocol/bet_batch';
import { type AgencyClaim } from '../../domain/agency_claim';
import { BatchOutOfSequenceError } from '../../domain/store_errors';
import { type Submission } from '../group_commit';
import { type LocalClaims } from './local_claims';

/** A batch to be stored. */
export interface BatchAppend {
  readonly claim: AgencyClaim;
  readonly batch: BetBatch;
  readonly after: number;
}

/** A batch that waits for its commit. Its result is the number of the agency's stored bets. */
export type PendingBatch = Submission<BatchAppend, number>;

/** The batches of one claim in one commit, each behind the one before. */
export interface AgencyAppend {
  readonly claim: AgencyClaim;
  readonly after: number;
  added: number;
  readonly submissions: PendingBatch[];
}

/**
 * Groups batches by agency, and counts them as stored under their claims. A batch under an ended claim, or out of
 * sequence, is rejected alone.
 *
 * @returns one entry for each agency, sorted by agency.
 */
export function planAppends(submissions: readonly PendingBatch[], claims: LocalClaims): readonly AgencyAppend[] {
  const appends = new Map<number, AgencyAppend>();
  for (const submission of submissions) {
    try {
      add(submission, appends, claims);
    } catch (error) {
      submission.reject(error);
    }
  }
  return Array.from(appends.values()).sort((one, other) => one.claim.agency - other.claim.agency);
}

function add(submission: PendingBatch, appends: Map<number, AgencyAppend>, claims: LocalClaims): void {
  const { claim, batch, after } = submission.item;
  const expected = claims.storedUnder(claim);
  if (after !== expected) throw new BatchOutOfSequenceError(`${expected} bets precede the batch, not ${after}`);
  claims.addStored(claim, batch.count);
  const append = appends.get(claim.agency);
  if (append === undefined) {
    appends.set(claim.agency, { claim, after, added: batch.count, submissions: [submission] });
    return;
  }
  append.submissions.push(submission);
  append.added += batch.count;
}
