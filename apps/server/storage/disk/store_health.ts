import { injectable } from 'inversify';
import { StoreBrokenError } from '../../domain/store_errors';

/** Whether the store's files can be trusted, known to all who write one: where one file fails for good, none is written. */
@injectable()
export class StoreHealth {
  private broken: StoreBrokenError | undefined;
  private listener: (error: StoreBrokenError) => void = () => {};

  /** Has the listener called as soon as nothing can be stored any more. There is one, and it is called once. */
  onBroken(listener: (error: StoreBrokenError) => void): void {
    this.listener = listener;
  }

  /** Notes that nothing can be stored any more; the first reason stays. */
  markFailed(problem: string, cause?: unknown): StoreBrokenError {
    if (this.broken === undefined) {
      this.broken = new StoreBrokenError(problem, { cause });
      this.listener(this.broken);
    }
    return this.broken;
  }

  /** @throws StoreBrokenError */
  requireSound(): void {
    if (this.broken !== undefined) throw this.broken;
  }
}
