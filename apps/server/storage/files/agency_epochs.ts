import { injectable } from 'inversify';
import { type AgencyClaim } from '../../domain/agency_claim';
import { ClaimSupersededError } from '../../domain/store_errors';

/** The epoch of each agency's newest claim. It is in memory only: one server at a time has the files open. */
@injectable()
export class AgencyEpochs {
  private readonly epochs = new Map<number, number>();

  /** Ends the agency's older claims and returns the epoch of the new one. */
  advance(agency: number): number {
    const epoch = (this.epochs.get(agency) ?? 0) + 1;
    this.epochs.set(agency, epoch);
    return epoch;
  }

  isCurrent({ agency, epoch }: AgencyClaim): boolean {
    return this.epochs.get(agency) === epoch;
  }

  /** @throws ClaimSupersededError */
  requireCurrent(claim: AgencyClaim): void {
    if (!this.isCurrent(claim)) throw supersededClaim(claim);
  }
}

export function supersededClaim({ agency }: AgencyClaim): ClaimSupersededError {
  return new ClaimSupersededError(`a newer session has claimed agency ${agency}`);
}
