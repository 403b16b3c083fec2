import { Deferred } from './deferred';
import { type Ends, type Operation } from './errors';
import { WaitLimits, type WaitOptions } from './wait_limits';

/**
 * One call that waits: a promise settled once, by an event or by one of its limits, whichever is first. Settling it
 * again does nothing.
 */
export class Waiter<T> {
  private readonly outcome = new Deferred<T>();
  private readonly limits: WaitLimits | undefined;

  /** @param onGivenUp told when a limit has ended the wait: the place to take the waiter out of a queue. */
  constructor(operation: Operation, ends: Ends, options: WaitOptions | undefined, onGivenUp?: () => void) {
    if (options === undefined) return;
    this.limits = new WaitLimits(operation, ends, options, (error) => {
      onGivenUp?.();
      this.outcome.reject(error);
    });
  }

  get promise(): Promise<T> {
    return this.outcome.promise;
  }

  resolve(value: T): void {
    this.limits?.stop();
    this.outcome.resolve(value);
  }

  reject(error: unknown): void {
    this.limits?.stop();
    this.outcome.reject(error);
  }
}
