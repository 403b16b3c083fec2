import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { type AgencySession } from './agency_session';

/**
 * Milliseconds from the beginning of a stop. A healthy agency reads its `E` within a round trip; all other connections
 * are cut at `CUT_MS`. Sessions still open at `LEAVE_MS` (many thousands on a busy machine) are left to the kernel,
 * which closes their connections at the exit of the process. Both are within the 3 s of `docker stop -t 3`.
 */
const CUT_MS = 500;
const LEAVE_MS = 800;

/**
 * The number of sessions to end per turn of the event loop, so that the garbage of a turn is collected before the next.
 */
const SESSIONS_PER_TURN = 64;

/** The sessions with an open connection. */
export class OpenSessions {
  private readonly sessions = new Set<AgencySession>();
  private readonly remove = (session: AgencySession): void => void this.sessions.delete(session);

  get size(): number {
    return this.sessions.size;
  }

  /** Runs a session. Resolves when its connection has closed. */
  run(session: AgencySession): Promise<unknown> {
    this.sessions.add(session);
    return session.run(this.remove);
  }

  /** Ends the sessions that have a reason to, with it, after their messages in flight. Each turn has some checks only. */
  async refuse(refusalOf: (session: AgencySession) => Error | undefined): Promise<void> {
    const sessions = Array.from(this.sessions);
    for (let first = 0; first < sessions.length; first += SESSIONS_PER_TURN) {
      for (const session of sessions.slice(first, first + SESSIONS_PER_TURN)) {
        const refusal = refusalOf(session);
        if (refusal !== undefined) session.fail(refusal);
      }
      await nextTurn();
    }
  }

  /**
   * Ends all sessions after their messages in flight, and waits for them within the time limits of a stop.
   *
   * @param allEnded resolves when all of them have ended.
   * @returns the sessions that were open.
   */
  async endAll(allEnded: Promise<unknown>): Promise<readonly AgencySession[]> {
    const sessions = Array.from(this.sessions);
    const begun = performance.now();
    await endBy(begun + CUT_MS, sessions, (session) => session.shutDown(), allEnded);
    await endBy(begun + LEAVE_MS, sessions, (session) => void session.cut(), allEnded);
    return sessions;
  }
}

/** Ends the sessions, a fixed number per turn, and waits for all of them until `deadline`. */
async function endBy(
  deadline: number,
  sessions: readonly AgencySession[],
  end: (session: AgencySession) => void,
  allEnded: Promise<unknown>,
): Promise<void> {
  for (let first = 0; first < sessions.length && performance.now() < deadline; first += SESSIONS_PER_TURN) {
    withoutStackTraces(() => sessions.slice(first, first + SESSIONS_PER_TURN).forEach(end));
    await nextTurn();
  }
  const controller = new AbortController();
  const timeLeft = Math.max(0, deadline - performance.now());
  await Promise.race([allEnded, delay(timeLeft, undefined, { signal: controller.signal }).catch(() => {})]);
  controller.abort();
}

/** Suppresses stack traces: those of ten thousand identical errors would take half a second. */
function withoutStackTraces(work: () => void): void {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
