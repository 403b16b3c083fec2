import { injectable } from 'inversify';
import { type AgencyClaim } from '../domain/agency_claim';

/** The part of a session that its successor uses. */
export interface Supersedable {
  /** The session's claim of its agency, once the store has granted it. */
  readonly claim: AgencyClaim | undefined;

  /** Ends the session in favour of a newer one. Resolves once its messages in flight are stored or dropped. */
  supersede(): Promise<void>;
}

/** The current session of each agency: at most one, the newest. */
@injectable()
export class SessionRegistry {
  private readonly current = new Map<number, Supersedable>();

  /** Registers `session` as the agency's. Resolves once the previous session, if any, stores nothing more. */
  async register(agency: number, session: Supersedable): Promise<void> {
    const previous = this.current.get(agency);
    this.current.set(agency, session);
    await previous?.supersede();
  }

  /** Ends the session of a claim that another server has ended. A newer session of the agency stays. */
  supersede(claim: AgencyClaim): void {
    const session = this.current.get(claim.agency);
    if (session?.claim === claim) void session.supersede();
  }

  /** Removes an ended session. A newer session of the agency stays. */
  release(agency: number, session: Supersedable): void {
    if (this.current.get(agency) === session) this.current.delete(agency);
  }
}
