import { injectable } from 'inversify';
import { type AgencyClaim } from '../../domain/agency_claim';
import { ClaimSupersededError } from '../../domain/store_errors';

interface LocalClaim {
  readonly claim: AgencyClaim;
  /** The agency's stored bets, those in flight to the database included. */
  stored: number;
  hasFinished: boolean;
  /** The failure of a commit under the claim. Nothing more is sent under it, and its session ends. */
  failure: Error | undefined;
}

/** The newest claim of each agency on this server, and the state of the agency under it. */
@injectable()
export class LocalClaims {
  private readonly claims = new Map<number, LocalClaim>();
  /** Called for a claim that another server has ended. */
  onSuperseded: (claim: AgencyClaim) => void = () => {};

  add(claim: AgencyClaim, hasFinished: boolean): void {
    this.claims.set(claim.agency, { claim, stored: claim.stored, hasFinished, failure: undefined });
  }

  /** Removes the agency's claim at the request of a newer one, which ends it in any case. */
  remove(agency: number): void {
    this.claims.delete(agency);
  }

  agencies(): readonly number[] {
    return Array.from(this.claims.keys());
  }

  /** Whether the agency has finished, or undefined without a claim of it. */
  hasFinished(agency: number): boolean | undefined {
    return this.claims.get(agency)?.hasFinished;
  }

  /**
   * The number of the agency's stored bets, those in flight included. Bets are stored under the newest claim only, so
   * it is exact unless the claim has ended on another server.
   *
   * @throws ClaimSupersededError the claim has ended.
   * @throws Error the failure of an earlier commit under the claim.
   */
  storedUnder(claim: AgencyClaim): number {
    const local = this.claims.get(claim.agency);
    if (local?.claim.epoch !== claim.epoch) throw supersededClaim(claim);
    if (local.failure !== undefined) throw local.failure;
    return local.stored;
  }

  /** Counts bets as stored when they are sent to the database. */
  addStored(claim: AgencyClaim, added: number): void {
    this.update(claim, (local) => (local.stored += added));
  }

  recordFinish(claim: AgencyClaim): void {
    this.update(claim, (local) => (local.hasFinished = true));
  }

  recordFailure(claim: AgencyClaim, failure: Error): void {
    this.update(claim, (local) => (local.failure ??= failure));
  }

  /** Compares a claim with the epoch in the database, and removes an ended one. */
  compare(agency: number, epoch: number): void {
    const claim = this.claims.get(agency)?.claim;
    if (claim === undefined || epoch <= claim.epoch) return;
    this.claims.delete(agency);
    this.onSuperseded(claim);
  }

  private update({ agency, epoch }: AgencyClaim, change: (local: LocalClaim) => void): void {
    const local = this.claims.get(agency);
    if (local?.claim.epoch === epoch) change(local);
  }
}

export function supersededClaim({ agency }: Pick<AgencyClaim, 'agency'>): ClaimSupersededError {
  return new ClaimSupersededError(`a newer session has claimed agency ${agency}`);
}
