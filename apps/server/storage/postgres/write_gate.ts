import { injectable } from 'inversify';
import { DatabaseUnavailableError } from './database/database_errors';

/**
 * Refuses writes while the database does not confirm them. Each write without a confirmation would leave a connection
 * on the server, with its locks, that waits for the standby; they would use up the server's connections.
 */
@injectable()
export class WriteGate {
  private cause: Error | undefined;

  get isOpen(): boolean {
    return this.cause === undefined;
  }

  open(): void {
    this.cause = undefined;
  }

  close(cause: Error): void {
    this.cause = cause;
  }

  /** @throws DatabaseUnavailableError the gate is closed. */
  requireOpen(): void {
    const { cause } = this;
    if (cause !== undefined)
      throw new DatabaseUnavailableError('the database confirms no writes at present', { cause });
  }
}
