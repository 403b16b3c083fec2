import { type Supersedable } from './session_registry';

/** A session from the side of its parts: they notice its end, and cause it. */
export interface SessionContext extends Supersedable {
  /** Fires at the end of the session: for waits on anything but the connection, which notices it by itself. */
  readonly ending: AbortSignal;

  /** @throws the reason of the end, once the session is ending. */
  throwIfEnding(): void;

  /** Ends the session because of this error. The first one decides what the agency is sent. */
  fail(error: unknown): void;
}
