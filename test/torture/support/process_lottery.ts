import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { generateBets } from '../../support/generated_bets';
import { requireAcknowledged, requireComplete, requireKept } from './oracle';
import { BrokenPromiseError, RecordingAgency } from './recording_agency';
import { dialPort, ServerProcess } from './server_process';

/** A store, its agencies, and its current server. */
export class ProcessLottery {
  private server: ServerProcess | undefined;
  readonly agencies: readonly RecordingAgency[];
  private finished = 0;
  private failure: Error | undefined;

  constructor(
    readonly directory: string,
    bets: number,
    betsPerBatch: number,
    agencies: number,
  ) {
    this.agencies = Array.from({ length: agencies }, (_, index) => {
      const id = index + 1;
      const beforeRetry = (): Promise<void> => delay(2);
      return new RecordingAgency({ id, bets: generateBets(id, bets, 100), betsPerBatch, window: 4, beforeRetry });
    });
  }

  /** Starts the agencies. They continue after each end of a server. */
  begin(): void {
    for (const agency of this.agencies) {
      const dial = async () => {
        const { server } = this;
        if (server === undefined) throw new Error('no server is running');
        return dialPort(await server.listening);
      };
      agency.run(dial).then(
        () => this.finished++,
        (error: Error) => (this.failure ??= error),
      );
    }
  }

  get isOver(): boolean {
    if (this.failure !== undefined) throw this.failure;
    return this.finished === this.agencies.length;
  }

  start(options?: { program: string; step: number }): ServerProcess {
    const environment = { SERVER_DATA_DIR: this.directory, SERVER_AGENCIES: String(this.agencies.length) };
    this.server =
      options === undefined
        ? new ServerProcess(environment)
        : new ServerProcess({ ...environment, CRASH_STEP: String(options.step) }, { program: options.program });
    return this.server;
  }

  async requireAcknowledged(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    requireAcknowledged(await this.csv(), this.agencies);
  }

  /** Checks the store after an orderly stop: it has no part of a batch. */
  async requireKept(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    requireKept(await this.csv(), this.agencies);
  }

  /** Runs a server until all agencies have their winners, and compares the store with the complete input. */
  async complete(): Promise<ServerProcess> {
    const server = this.start();
    await server.listening;
    while (!this.isOver) await delay(5);
    const end = await server.stop('SIGTERM');
    if (end.code !== 0) throw new BrokenPromiseError(`the server ended with ${end.code}:\n${server.output}`);
    requireComplete(await this.csv(), this.agencies);
    return server;
  }

  private async csv(): Promise<Buffer> {
    return readFile(join(this.directory, 'bets.csv')).catch(() => Buffer.alloc(0));
  }
}
