import { requireOptionalFunction, requireWholeNumber } from '../arguments';
import { checkWaitOptions } from '../async/deadlines';
import { monotonicMs } from '../async/monotonic_clock';
import { pause } from '../async/pause';
import { SocketError } from '../errors';

/** The pauses between attempts, in milliseconds. */
export interface BackoffOptions {
  /** The longest pause after the first failed round; it doubles with each further one. Default: 100. */
  readonly firstMs?: number | undefined;
  /** The longest pause of all. Half of each pause is random (jitter). Default: 5000. */
  readonly longestMs?: number | undefined;
  /** The longest pause before the next of several targets. All of it is random. Default: 200. */
  readonly betweenTargetsMs?: number | undefined;
}

/** Several targets, which `connect` tries in turn. A round is one attempt at each of them. */
export interface TargetRounds {
  /** Whether the last attempt was at the last target of its round. */
  readonly isOver: boolean;
  /** Begins another round. Called after a connection with progress was lost, before `isOver` is read. */
  restart(): void;
}

/** The options of `reconnecting`. */
export interface ReconnectOptions {
  readonly backoff?: BackoffOptions | undefined;
  /**
   * Milliseconds since the last progress, or since the call, after which a failure is final. The last pause ends there,
   * for a last attempt. Several targets are tried once each in any case. Default: no limit.
   */
  readonly limitMs?: number | undefined;
  /** Ends the pauses. `connect` and `work` need it too. */
  readonly signal?: AbortSignal | undefined;
  /** Default: one target, so each attempt is a round. */
  readonly targets?: TargetRounds | undefined;
  /**
   * Whether another connection may help. Default: the function `isTransient`. A program with errors of its own extends it:
   * `(error) => isTransient(error) || error instanceof ServerEnded`.
   */
  readonly isTransient?: ((error: unknown) => boolean) | undefined;
  /** Called before each pause, with the error of the attempt and the length of the pause in milliseconds. */
  readonly onPause?: ((error: unknown, pauseMs: number) => void) | undefined;
}

const TRANSIENT_CODES: ReadonlySet<string> = new Set([
  'CONNECT_FAILED',
  'CONNECTION_LOST',
  'UNEXPECTED_EOF',
  'TIMED_OUT',
  'CALL_LOST',
]);

/**
 * Whether another connection may help after this error: the default decision of `reconnecting`. True for a `SocketError` of
 * the codes `CONNECT_FAILED`, `CONNECTION_LOST`, `UNEXPECTED_EOF`, `TIMED_OUT` and `CALL_LOST`. False for all else, a
 * refused handshake and an error of the program for instance.
 */
export function isTransient(error: unknown): boolean {
  return error instanceof SocketError && TRANSIENT_CODES.has(error.code);
}

/** The longest delay that a Node timer can hold, in milliseconds. */
const MAX_TIMER_MS = 2_147_483_647;

/**
 * Runs `work` on a connection, and again on a new one after each transient error of `connect` or of `work`, with an
 * exponential backoff between the attempts.
 *
 * @param connect makes a connection: a `ConnectSocket`, or whatever a program builds on it. Each call needs a new socket.
 * @param work begins anew on each connection. It calls `progress` for each step that need not be repeated: the backoff and
 * the limit begin again there. The connection is closed behind it, whatever its result.
 * @returns the result of `work`.
 * @throws the error of the last attempt: one that is not transient, or the one after the limit; after `signal` has fired,
 * that of the attempt under way.
 * @throws AbortedError `signal` fired before the first attempt or in a pause.
 * @throws RangeError, TypeError an option cannot be used.
 */
export async function reconnecting<Connection extends { close(): Promise<void> }, Result>(
  connect: () => Promise<Connection>,
  work: (connection: Connection, progress: () => void) => Promise<Result>,
  options: ReconnectOptions = {},
): Promise<Result> {
  requireReconnectOptions(options);
  const { signal, isTransient: isWorthAnother = isTransient, onPause } = options;
  checkWaitOptions('connect', {}, { signal });
  const attempts = new Attempts(options);
  for (;;) {
    attempts.begin();
    try {
      return await runOnce(connect, work, () => attempts.recordProgress());
    } catch (error) {
      if (isAborted(signal) || !isWorthAnother(error)) throw error;
      const pauseMs = attempts.pauseAfterFailure();
      if (pauseMs === undefined) throw error;
      onPause?.(error, pauseMs);
      await pause(pauseMs, signal);
      checkWaitOptions('connect', {}, { signal });
    }
  }
}

async function runOnce<Connection extends { close(): Promise<void> }, Result>(
  connect: () => Promise<Connection>,
  work: (connection: Connection, progress: () => void) => Promise<Result>,
  progress: () => void,
): Promise<Result> {
  const connection = await connect();
  try {
    return await work(connection, progress);
  } finally {
    await connection.close();
  }
}

/** The failures since the last progress, and the pauses that follow from them. */
class Attempts {
  private readonly firstMs: number;
  private readonly longestMs: number;
  private readonly betweenTargetsMs: number;
  private readonly limitMs: number;
  private readonly targets: TargetRounds | undefined;
  /** The number of rounds without progress. */
  private failedRounds = 0;
  private lastProgress = monotonicMs();
  /** Whether there was progress since the last attempt began. */
  private hasProgressed = false;

  constructor({ backoff = {}, limitMs = Infinity, targets }: ReconnectOptions) {
    this.firstMs = backoff.firstMs ?? 100;
    this.longestMs = backoff.longestMs ?? 5000;
    this.betweenTargetsMs = backoff.betweenTargetsMs ?? 200;
    this.limitMs = limitMs;
    this.targets = targets;
  }

  begin(): void {
    this.hasProgressed = false;
  }

  recordProgress(): void {
    this.hasProgressed = true;
    this.failedRounds = 0;
    this.lastProgress = monotonicMs();
  }

  /** The pause before the next attempt, in whole milliseconds; undefined after the limit. */
  pauseAfterFailure(): number | undefined {
    if (this.hasProgressed) this.targets?.restart();
    const isOver = this.targets?.isOver ?? true;
    const timeLeft = this.lastProgress + this.limitMs - monotonicMs();
    if (timeLeft <= 0 && (isOver || this.failedRounds > 0)) return undefined;
    return isOver
      ? Math.ceil(Math.min(timeLeft, this.nextBackoffMs()))
      : Math.floor(Math.random() * this.betweenTargetsMs);
  }

  private nextBackoffMs(): number {
    const longest = Math.min(this.longestMs, this.firstMs * 2 ** this.failedRounds++);
    return longest * (0.5 + Math.random() / 2);
  }
}

/** (A property that was read once is taken for unchanged by the compiler.) */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function requireReconnectOptions({ backoff = {}, limitMs, isTransient: decision, onPause }: ReconnectOptions): void {
  requireWholeNumber('backoff.firstMs', backoff.firstMs ?? 1, 1, MAX_TIMER_MS);
  requireWholeNumber('backoff.longestMs', backoff.longestMs ?? 1, 1, MAX_TIMER_MS);
  requireWholeNumber('backoff.betweenTargetsMs', backoff.betweenTargetsMs ?? 0, 0, MAX_TIMER_MS);
  if (limitMs !== undefined && !(limitMs >= 0)) {
    throw new RangeError(`limitMs must be a number of milliseconds, at least 0, but is ${limitMs}`);
  }
  requireOptionalFunction('isTransient', decision);
  requireOptionalFunction('onPause', onPause);
}
