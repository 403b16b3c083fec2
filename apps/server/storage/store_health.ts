import { injectable } from 'inversify';
import { StoreBrokenError } from './errors';

/** Whether the store's files can be trusted, known to all who write one: where one file fails for good, none is written. */
@injectable()
export class StoreHealth {
  private broken: StoreBrokenError | undefined;

  /** Notes that nothing can be stored any more; the first reason stays. */
  breakDown(problem: string, cause: unknown): StoreBrokenError {
    this.broken ??= new StoreBrokenError(problem, { cause });
    return this.broken;
  }

  /** @throws StoreBrokenError */
  requireSound(): void {
    if (this.broken !== undefined) throw this.broken;
  }
}
