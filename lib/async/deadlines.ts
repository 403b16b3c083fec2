import { AbortedError, type Endpoints, type Operation, type SocketError, TimedOutError } from '../errors';
import { type AbortableWait, AbortWatch } from './abort_watch';

/** The options of every call that may wait. */
export interface WaitOptions {
  /**
   * Milliseconds until the call fails with `TimedOutError`; 0 fails it on the next turn of the event loop. Default: no
   * limit. A delay that is longer than a Node timer can hold (24.8 days) is no limit either.
   */
  readonly timeoutMs?: number | undefined;
  /** Fails the call with `AbortedError`. A signal that has fired already fails it before it has any effect. */
  readonly signal?: AbortSignal | undefined;
}

/** The options of a read: two more clocks, both in milliseconds, both without a limit by default. */
export interface ReceiveOptions extends WaitOptions {
  /** Time until the first byte is there. */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * Time from a message's first byte to its last, against a peer that trickles bytes. The clock starts when a read with
   * this option sees the first byte; a read that was given up and begun again does not set it back.
   */
  readonly messageTimeoutMs?: number | undefined;
}

/** A wait that a deadline or an abort signal can end. (An interface, and not a callback: see `Deadlines`.) */
export interface Cancellable {
  /** Ends the wait with this error. Called at most once for each `Deadlines`. */
  cancel(error: SocketError): void;
}

/** The longest delay that a Node timer can hold, in milliseconds; Node fires a longer one at once. */
const MAX_TIMER_MS = 2_147_483_647;

/**
 * The clocks and the abort signal of one wait. The first of them that fires cancels the wait with its own error and
 * stops the others. `stop` ends the watch when the wait has ended otherwise.
 *
 * It has no closure, for memory (docs/architecture.md): the object itself is the argument of its timers and the wait that
 * its signal ends.
 */
export class Deadlines implements AbortableWait {
  private readonly abortWatch: AbortWatch | undefined;
  private callTimer: NodeJS.Timeout | undefined;
  private readTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly operation: Operation,
    private readonly endpoints: Endpoints,
    options: WaitOptions,
    private readonly wait: Cancellable,
  ) {
    const { timeoutMs, signal } = options;
    if (timeoutMs !== undefined) this.callTimer = this.startTimer(timeoutMs, timeoutMs, 'call');
    if (signal === undefined) return;
    this.abortWatch = AbortWatch.of(signal);
    this.abortWatch.add(this);
  }

  /**
   * Starts a clock of a read in the place of the one before; no clock if `timeoutMs` is undefined.
   *
   * @param elapsedMs the part of `timeoutMs` that has passed already.
   */
  startReadClock(clock: 'idle' | 'message', timeoutMs: number | undefined, elapsedMs = 0): void {
    clearTimeout(this.readTimer);
    this.readTimer = timeoutMs === undefined ? undefined : this.startTimer(timeoutMs, timeoutMs - elapsedMs, clock);
  }

  onAbort(reason: unknown): void {
    this.expire(new AbortedError(this.operation, this.endpoints, reason));
  }

  /** Stops all clocks and leaves the signal. A second call does nothing. */
  stop(): void {
    clearTimeout(this.callTimer);
    clearTimeout(this.readTimer);
    this.abortWatch?.remove(this);
  }

  private startTimer(limitMs: number, delayMs: number, clock: TimedOutError['clock']): NodeJS.Timeout | undefined {
    if (delayMs > MAX_TIMER_MS) return undefined;
    return setTimeout(Deadlines.onTimer, Math.max(0, delayMs), this, limitMs, clock);
  }

  private static onTimer(this: void, deadlines: Deadlines, limitMs: number, clock: TimedOutError['clock']): void {
    deadlines.expire(new TimedOutError(deadlines.operation, deadlines.endpoints, limitMs, clock));
  }

  private expire(error: SocketError): void {
    this.stop();
    this.wait.cancel(error);
  }
}

/**
 * Checks the options of a call before the call has any effect.
 *
 * @throws RangeError a time limit is negative or not a number.
 * @throws TypeError the signal is not an `AbortSignal`.
 * @throws AbortedError the signal has fired already.
 */
export function checkWaitOptions(
  operation: Operation,
  endpoints: Endpoints,
  options: ReceiveOptions | undefined,
): void {
  if (options === undefined) return;
  requireWaitOptions(options);
  if (options.signal?.aborted === true) throw new AbortedError(operation, endpoints, options.signal.reason);
}

/**
 * The same check for a call that a signal which has fired does not fail.
 *
 * @throws RangeError, TypeError
 */
export function requireWaitOptions(options: ReceiveOptions): void {
  requireTimeLimit('timeoutMs', options.timeoutMs);
  requireTimeLimit('idleTimeoutMs', options.idleTimeoutMs);
  requireTimeLimit('messageTimeoutMs', options.messageTimeoutMs);
  requireSignal(options.signal);
}

function requireTimeLimit(name: string, value: number | undefined): void {
  if (value === undefined || (typeof value === 'number' && value >= 0)) return;
  throw new RangeError(`${name} must be a number of milliseconds, at least 0, but is ${value}`);
}

/** Programs without types may pass anything. Found later, it would leave a timer with an unhandled error. */
function requireSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined || typeof (signal as Partial<AbortSignal> | null)?.aborted === 'boolean') return;
  throw new TypeError('signal must be an AbortSignal');
}
