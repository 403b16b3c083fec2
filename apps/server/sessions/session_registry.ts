import { injectable } from 'inversify';

/** A session, as far as its successor needs to know it. */
export interface Supersedable {
  /** Ends the session because a newer one took over; resolves once what it had in flight is stored or dropped. */
  supersede(): Promise<void>;
}

/** Which session speaks for which agency: at most one, the newest. */
@injectable()
export class SessionRegistry {
  private readonly current = new Map<number, Supersedable>();

  /** Makes `session` the agency's. Resolves once the one before it, if any, stores nothing more. */
  async claim(agency: number, session: Supersedable): Promise<void> {
    const previous = this.current.get(agency);
    this.current.set(agency, session);
    await previous?.supersede();
  }

  /** Forgets a session that has ended; a newer one of the agency stays. */
  release(agency: number, session: Supersedable): void {
    if (this.current.get(agency) === session) this.current.delete(agency);
  }
}
