/** `resolve` and `reject` of the promise that was made last: see `Deferred`. */
let lastResolve: (value: never) => void;
let lastReject: (error: unknown) => void;

/** The executor of every promise here. It runs before the constructor returns, so one function serves all. */
function keepFunctions(resolve: (value: never) => void, reject: (error: unknown) => void): void {
  lastResolve = resolve;
  lastReject = reject;
}

/** A promise that its owner settles from outside. The first `resolve` or `reject` counts; further ones do nothing. */
export class Deferred<T> {
  readonly promise: Promise<T>;
  private readonly resolvePromise: (value: T) => void;
  private readonly rejectPromise: (error: unknown) => void;

  constructor() {
    this.promise = new Promise<T>(keepFunctions);
    this.resolvePromise = lastResolve as (value: T) => void;
    this.rejectPromise = lastReject;
  }

  resolve(value: T): void {
    this.resolvePromise(value);
  }

  reject(error: unknown): void {
    this.rejectPromise(error);
  }

  /** As `reject`, but an unawaited promise is no unhandled rejection. It costs nothing until then. */
  rejectQuietly(error: unknown): void {
    void quiet(this.promise);
    this.rejectPromise(error);
  }
}

/** Keeps an unawaited promise from being an unhandled rejection. Those that await it get the error all the same. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  return promise;
}

function ignore(): void {}

/**
 * A rejected promise, for a call that returns a promise and must not throw. `async` would do the same, and add promises
 * of its own to each call.
 */
export function rejection(error: unknown): Promise<never> {
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- handed on as it came
  return Promise.reject(error);
}
