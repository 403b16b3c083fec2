import { Deferred } from './deferred';
import { type Endpoints, type Operation, type SocketError } from '../errors';
import { Deadlines, type Limited, type WaitOptions } from './deadlines';

/**
 * One call that waits: a promise settled once, by an event or by one of its limits, whichever is first. Settling it
 * again does nothing.
 */
export class Waiter<T> implements Limited {
  private readonly outcome = new Deferred<T>();
  private readonly limits: Deadlines | undefined;

  /** @param leave told when a limit has ended the wait: the place to take the waiter out of a queue. */
  constructor(
    operation: Operation,
    endpoints: Endpoints,
    options: WaitOptions | undefined,
    private readonly leave?: () => void,
  ) {
    if (options !== undefined) this.limits = new Deadlines(operation, endpoints, options, this);
  }

  get promise(): Promise<T> {
    return this.outcome.promise;
  }

  onGivenUp(error: SocketError): void {
    this.leave?.();
    this.outcome.reject(error);
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
