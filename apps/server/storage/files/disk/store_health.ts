import { injectable } from 'inversify';
import { StoreBrokenError } from '../../../domain/store_errors';

/**
 * The health of the store's files, shared by all their writers. After a permanent failure of one file, none is written.
 */
@injectable()
export class StoreHealth {
  private broken: StoreBrokenError | undefined;
  private listener: (error: StoreBrokenError) => void = () => {};

  /** Sets the listener for the failure of the store. There is one listener, called once. */
  onBroken(listener: (error: StoreBrokenError) => void): void {
    this.listener = listener;
  }

  /** Marks the store as broken. The first reason is kept. */
  markFailed(problem: string, cause?: unknown): StoreBrokenError {
    if (this.broken === undefined) {
      this.broken = new StoreBrokenError(problem, { cause });
      this.listener(this.broken);
    }
    return this.broken;
  }

  /** @throws StoreBrokenError */
  requireHealthy(): void {
    if (this.broken !== undefined) throw this.broken;
  }
}
