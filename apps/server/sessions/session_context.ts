import { type Supersedable } from './session_registry';

/** The interface of a session to its parts: they observe its end, and can cause it. */
export interface SessionContext extends Supersedable {
  /** Fires at the end of the session, for waits other than reads. A read detects the end by itself. */
  readonly ending: AbortSignal;

  /** @throws the reason of the end, once the session is ending. */
  throwIfEnding(): void;

  /** Ends the session because of this error. The first error determines the `E`. */
  fail(error: unknown): void;
}
