import { type ProgressListener } from '../progress/progress';
import { StoppedError } from '../stop';
import { OutcomeUnknownError } from './agency';

/** The result of a run for scripts, the output of `--json`. docs/operations.md documents it. */
export interface RunResultReport {
  readonly agency: number;
  /**
   * `winners`: the winners were received. `stored`: the single bet is stored. `unknown`: the single bet was sent and not
   * acknowledged, and may be stored or not; the run failed or was stopped.
   */
  readonly outcome: 'winners' | 'stored' | 'unknown' | 'stopped' | 'failed';
  /** The number of acknowledged bets. */
  readonly bets: number;
  /** The documents of the winning bets; null before their receipt. */
  readonly winners: readonly string[] | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Milliseconds since the start of the process. */
  readonly ms: number;
}

/** Collects the result of a run from its progress. */
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

  /** @param ms milliseconds since the start of the process. */
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
