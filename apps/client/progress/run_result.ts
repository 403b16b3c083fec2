import { OutcomeUnknownError, StoppedError } from '../connection/errors';
import { type ProgressListener } from './progress';

/** What came of a run, for scripts: what `--json` prints. docs/operations.md documents it. */
export interface RunResultReport {
  readonly agency: number;
  /**
   * `winners`: it has its winners. `stored`: its single bet is stored. `unknown`: its single bet was sent and not
   * acknowledged, and may be stored or not; the run failed or was stopped.
   */
  readonly outcome: 'winners' | 'stored' | 'unknown' | 'stopped' | 'failed';
  /** The agency's bets that it knows to be stored. */
  readonly bets: number;
  /** The documents of its winning bets; null where it did not get as far. */
  readonly winners: readonly string[] | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Milliseconds from the start of the process. */
  readonly ms: number;
}

/** Gathers what came of a run while it runs. */
export class RunResult implements ProgressListener {
  private bets = 0;
  private documents: readonly string[] | null = null;
  private error: Error | undefined;

  constructor(private readonly agency: number) {}

  stored(bets: number): void {
    this.bets = bets;
  }

  finished(bets: number): void {
    this.bets = bets;
  }

  winners(documents: readonly string[]): void {
    this.documents = documents;
  }

  ended(error: Error): void {
    this.error = error;
  }

  report(ms: number): RunResultReport {
    const { agency, bets, documents, error } = this;
    const code = (error as { code?: string } | undefined)?.code ?? 'UNKNOWN';
    return {
      agency,
      outcome: this.outcome(),
      bets,
      winners: documents,
      error: error === undefined ? null : { code, message: error.message },
      ms: Math.round(ms),
    };
  }

  private outcome(): RunResultReport['outcome'] {
    if (this.error instanceof OutcomeUnknownError) return 'unknown';
    if (this.error instanceof StoppedError) return 'stopped';
    if (this.error !== undefined) return 'failed';
    return this.documents === null ? 'stored' : 'winners';
  }
}
