import { type BetBatch } from '../../apps/protocol/bet_batch';
import { type AgencyClaim } from '../../apps/server/domain/agency_claim';
import { type BetRepository } from '../../apps/server/domain/bet_repository';

const claims = new WeakMap<BetRepository, Map<number, Promise<AgencyClaim>>>();

/** The one claim of an agency in a repository, made at its first use: for tests with one session an agency. */
export function claimOnce(bets: BetRepository, agency: number): Promise<AgencyClaim> {
  const claimed = claims.get(bets) ?? new Map<number, Promise<AgencyClaim>>();
  claims.set(bets, claimed);
  const claim = claimed.get(agency) ?? bets.claim(agency);
  claimed.set(agency, claim);
  return claim;
}

/** Appends a batch under the one claim of its agency. */
export async function append(bets: BetRepository, batch: BetBatch, after: number): Promise<number> {
  return bets.append(await claimOnce(bets, batch.agency), batch, after);
}

/** A claim that no repository has granted, for the in-memory services. */
export function claimOf(agency: number): AgencyClaim {
  return { agency, epoch: 1, stored: 0 };
}
