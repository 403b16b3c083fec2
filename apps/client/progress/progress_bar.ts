import { type MultiBar, type SingleBar } from 'cli-progress';
import { type LogOutput } from '../../runtime/log_output';
import { createBars } from './bar_style';
import { type ProgressListener } from './progress';

/**
 * Draws the progress of an agency as a bar in a terminal: bets, rate, time left and state. The lines of the log appear
 * above it. It is a bundle of its own that is loaded on demand (tools/build.js).
 */
export class ProgressBar implements ProgressListener {
  private readonly multiBar: MultiBar;
  private readonly bar: SingleBar;
  private readonly startedAt = performance.now();
  private storedBefore: number | undefined;

  constructor(
    agency: number,
    total: number,
    private readonly output: LogOutput,
  ) {
    this.multiBar = createBars();
    this.bar = this.multiBar.create(total, 0, { name: `agency ${agency}`, rate: 0, state: 'connecting' });
    output.divert((lines) => this.multiBar.log(lines));
  }

  stored(bets: number): void {
    // The bets of an earlier run do not count in the rate.
    this.storedBefore ??= bets;
    const seconds = (performance.now() - this.startedAt) / 1000;
    this.bar.update(bets, { rate: Math.round((bets - this.storedBefore) / seconds), state: 'uploading' });
  }

  finished(bets: number): void {
    this.bar.update(bets, { state: 'waiting for the draw' });
  }

  winners(documents: readonly string[]): void {
    this.bar.update({ state: `${documents.length} ${documents.length === 1 ? 'winner' : 'winners'}` });
    this.stop();
  }

  ended(): void {
    this.bar.update({ state: 'ended without its winners' });
    this.stop();
  }

  /** Draws the last state below the log, and returns the terminal to the log. */
  private stop(): void {
    this.output.divert(undefined);
    this.multiBar.update();
    this.multiBar.stop();
  }
}
