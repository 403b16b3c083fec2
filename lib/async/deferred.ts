/** The two ends of the promise made last: see `Deferred`. */
let resolveLast: (value: never) => void;
let rejectLast: (error: unknown) => void;

/** One executor for all promises, which runs before their constructor returns: saves a closure for each. */
function keepEnds(resolve: (value: never) => void, reject: (error: unknown) => void): void {
  resolveLast = resolve;
  rejectLast = reject;
}

/** A promise with its two ends in hand. Settling it twice does nothing. */
export class Deferred<T> {
  readonly promise: Promise<T>;
  private readonly resolvePromise: (value: T) => void;
  private readonly rejectPromise: (error: unknown) => void;

  constructor() {
    this.promise = new Promise<T>(keepEnds);
    this.resolvePromise = resolveLast as (value: T) => void;
    this.rejectPromise = rejectLast;
  }

  resolve(value: T): void {
    this.resolvePromise(value);
  }

  reject(error: unknown): void {
    this.rejectPromise(error);
  }
}
