import { setMaxListeners } from 'node:events';
import { AbortedError, type Endpoints, type Operation, type SocketError, TimedOutError } from '../errors';

/** What every call that may wait accepts. */
export interface WaitOptions {
  /**
   * Give up after so many milliseconds, with `TimedOutError`; 0 gives up on the next turn. Default, and for anything
   * longer than a Node timer can hold (24.8 days): wait as long as it takes.
   */
  readonly timeoutMs?: number | undefined;
  /** Give up when this fires, with `AbortedError`; one that has fired already fails the call before it does anything. */
  readonly signal?: AbortSignal | undefined;
}

/** Who waits. (A method instead of a function for each wait: ten thousand waiting connections cost memory.) */
export interface Limited {
  /** Told once when a limit has ended the wait, and with which error. */
  onGivenUp(error: SocketError): void;
}

/** The longest delay that a Node timer can hold; a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

/**
 * What may end one wait before what it waits for is there: its deadlines and its abort signal, whichever is first. They
 * are watched until `stop`, or until one of them has ended the wait.
 */
export class Deadlines {
  private readonly signal: AbortSignal | undefined;
  private callTimer: NodeJS.Timeout | undefined;
  private phaseTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly operation: Operation,
    private readonly endpoints: Endpoints,
    options: WaitOptions,
    private readonly limited: Limited,
  ) {
    const { timeoutMs, signal } = options;
    if (timeoutMs !== undefined) this.callTimer = this.startTimer(timeoutMs, timeoutMs, 'call');
    this.signal = signal;
    if (signal === undefined) return;
    // One signal may end a thousand waits, a server's stop for instance: no leak that Node should warn of.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', this);
  }

  /**
   * Starts the clock of a phase of this wait, in the place of the phase before; none where there is no limit.
   *
   * @param elapsedMs how much of `timeoutMs` is used up already.
   */
  startPhase(clock: 'idle' | 'message', timeoutMs: number | undefined, elapsedMs = 0): void {
    clearTimeout(this.phaseTimer);
    this.phaseTimer = timeoutMs === undefined ? undefined : this.startTimer(timeoutMs, timeoutMs - elapsedMs, clock);
  }

  /** The abort signal's listener (see EventListenerObject): saves a closure for each wait. */
  handleEvent(): void {
    this.giveUp(new AbortedError(this.operation, this.endpoints, this.signal?.reason));
  }

  /** The wait is over: no limit ends it any more. A second call does nothing. */
  stop(): void {
    clearTimeout(this.callTimer);
    clearTimeout(this.phaseTimer);
    this.signal?.removeEventListener('abort', this);
  }

  private startTimer(limitMs: number, delayMs: number, clock: TimedOutError['clock']): NodeJS.Timeout | undefined {
    if (delayMs > MAX_TIMER_MS) return undefined;
    return setTimeout(Deadlines.onTimeUp, Math.max(0, delayMs), this, limitMs, clock);
  }

  /** One function for all timers, not a closure for each: ten thousand waiting connections cost memory. */
  private static onTimeUp(this: void, limits: Deadlines, limitMs: number, clock: TimedOutError['clock']): void {
    limits.giveUp(new TimedOutError(limits.operation, limits.endpoints, limitMs, clock));
  }

  private giveUp(error: SocketError): void {
    this.stop();
    this.limited.onGivenUp(error);
  }
}

/**
 * Fails a call before it has any effect.
 *
 * @throws RangeError a time limit is negative or not a number.
 * @throws TypeError the signal is no `AbortSignal`.
 * @throws AbortedError the signal has fired already.
 */
export function checkOptions(
  operation: Operation,
  endpoints: Endpoints,
  options: (TimeLimits & WaitOptions) | undefined,
): void {
  if (options === undefined) return;
  requireTimeLimit('timeoutMs', options.timeoutMs);
  requireTimeLimit('idleTimeoutMs', options.idleTimeoutMs);
  requireTimeLimit('messageTimeoutMs', options.messageTimeoutMs);
  requireSignal(options.signal);
  if (options.signal?.aborted === true) throw new AbortedError(operation, endpoints, options.signal.reason);
}

/** The limits that some calls have beside `timeoutMs`. */
interface TimeLimits {
  readonly idleTimeoutMs?: number | undefined;
  readonly messageTimeoutMs?: number | undefined;
}

function requireTimeLimit(name: string, value: number | undefined): void {
  if (value === undefined || (typeof value === 'number' && value >= 0)) return;
  throw new RangeError(`${name} must be a number of milliseconds, at least 0, but is ${value}`);
}

/** A program without types may give anything. Found later, it would leave a timer whose error nobody hears. */
function requireSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined || typeof (signal as Partial<AbortSignal> | null)?.aborted === 'boolean') return;
  throw new TypeError('signal must be an AbortSignal');
}
