import { AbortedError, type Ends, type Operation, type SocketError, TimedOutError } from './errors';

/** What every call that may wait accepts. */
export interface WaitOptions {
  /** Give up after so many milliseconds, with `TimedOutError`. Default: wait as long as it takes. */
  readonly timeoutMs?: number | undefined;
  /** Give up when this fires, with `AbortedError`; one that has fired already fails the call before it does anything. */
  readonly signal?: AbortSignal | undefined;
}

/** The longest delay that a Node timer can hold; a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

/**
 * One call that waits: a promise settled once, by an event, by its deadline or by its abort signal, whichever is
 * first. Settling it stops its timer and takes its listener off the signal; settling it again does nothing.
 */
export class Waiter<T> {
  readonly promise: Promise<T>;
  private resolvePromise!: (value: T) => void;
  private rejectPromise!: (error: unknown) => void;
  private callTimer: NodeJS.Timeout | undefined;
  private phaseTimer: NodeJS.Timeout | undefined;
  private settled = false;

  /**
   * @param onGivenUp told when a deadline or the signal has ended the wait: the place to take the waiter out of a
   * queue.
   */
  constructor(
    private readonly operation: Operation,
    private readonly ends: Ends,
    private readonly options: WaitOptions = {},
    private readonly onGivenUp?: () => void,
  ) {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolvePromise = resolve;
      this.rejectPromise = reject;
    });
    const { timeoutMs, signal } = options;
    if (timeoutMs !== undefined) this.callTimer = this.startTimer(timeoutMs, 'call');
    signal?.addEventListener('abort', this);
  }

  /** Starts the clock of a phase of this wait, in the place of the phase before; none where there is no limit. */
  startPhase(clock: 'idle' | 'message', timeoutMs: number | undefined): void {
    clearTimeout(this.phaseTimer);
    this.phaseTimer = timeoutMs === undefined ? undefined : this.startTimer(timeoutMs, clock);
  }

  /** The abort signal's listener (see EventListenerObject): saves a closure for each wait. */
  handleEvent(): void {
    this.giveUp(new AbortedError(this.operation, this.ends, this.options.signal?.reason));
  }

  resolve(value: T): void {
    if (this.settle()) this.resolvePromise(value);
  }

  reject(error: unknown): void {
    if (this.settle()) this.rejectPromise(error);
  }

  private startTimer(timeoutMs: number, clock: TimedOutError['clock']): NodeJS.Timeout {
    const expire = (): void => this.giveUp(new TimedOutError(this.operation, this.ends, timeoutMs, clock));
    return setTimeout(expire, Math.min(timeoutMs, MAX_TIMER_MS));
  }

  private giveUp(error: SocketError): void {
    if (!this.settle()) return;
    this.onGivenUp?.();
    this.rejectPromise(error);
  }

  private settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    clearTimeout(this.callTimer);
    clearTimeout(this.phaseTimer);
    this.options.signal?.removeEventListener('abort', this);
    return true;
  }
}

/** Fails a call whose signal fired before it began, so that it has no effect at all. */
export function throwIfAborted(operation: Operation, ends: Ends, options: WaitOptions | undefined): void {
  if (options?.signal?.aborted === true) throw new AbortedError(operation, ends, options.signal.reason);
}
