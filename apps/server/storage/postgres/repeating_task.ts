import { setTimeout as delay } from 'node:timers/promises';

/** The schedule of a task, in milliseconds. */
export interface Schedule {
  /** From the end of one run to the start of the next. */
  readonly intervalMs: number;
  /** The maximum share of the time spent in the task, from 0 to 1: a longer run is followed by a longer pause. */
  readonly maxShare?: number;
}

/** Runs a task repeatedly, one run at a time, until `stop`. A failed run is reported and does not end it. */
export class RepeatingTask {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;

  constructor(
    private readonly run: () => Promise<void>,
    private readonly schedule: Schedule,
    private readonly onError: (error: unknown) => void,
  ) {}

  start(): void {
    this.running ??= this.repeat();
  }

  /** Ends the pause, and resolves after the run in progress. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async repeat(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const startedAt = performance.now();
      try {
        await this.run();
      } catch (error) {
        this.onError(error);
      }
      await delay(this.pauseMs(performance.now() - startedAt), undefined, { signal }).catch(() => {});
    }
  }

  private pauseMs(lastRunMs: number): number {
    const { intervalMs, maxShare = 1 } = this.schedule;
    return Math.max(intervalMs, lastRunMs * (1 / maxShare - 1));
  }
}
