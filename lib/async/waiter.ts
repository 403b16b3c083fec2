import { type Endpoints, type Operation, type SocketError } from '../errors';
import { type Cancellable, Deadlines, type WaitOptions } from './deadlines';
import { Deferred } from './deferred';

/**
 * The promise of one call that waits. It is settled once, by its owner or by a deadline or signal of `options`, whichever
 * comes first; anything later does nothing.
 */
export class Waiter<T> implements Cancellable {
  private readonly outcome = new Deferred<T>();
  private readonly deadlines: Deadlines | undefined;

  /** @param onCancelled called before the promise rejects by a deadline or signal, to take the waiter out of a queue. */
  constructor(
    operation: Operation,
    endpoints: Endpoints,
    options: WaitOptions | undefined,
    private readonly onCancelled?: () => void,
  ) {
    if (options !== undefined) this.deadlines = new Deadlines(operation, endpoints, options, this);
  }

  get promise(): Promise<T> {
    return this.outcome.promise;
  }

  cancel(error: SocketError): void {
    this.onCancelled?.();
    this.outcome.reject(error);
  }

  resolve(value: T): void {
    this.deadlines?.stop();
    this.outcome.resolve(value);
  }

  reject(error: unknown): void {
    this.deadlines?.stop();
    this.outcome.reject(error);
  }
}
