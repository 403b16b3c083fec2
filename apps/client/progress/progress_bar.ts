import { type MultiBar, type SingleBar } from 'cli-progress';
import { type LogOutput } from '../../runtime/log_output';
import { createBars } from './bar_style';
import { type ProgressListener } from './progress';

/**
 * The agency's progress as a bar in a terminal: bets, rate, time left, state in words. The log's lines go above it. It
 * is a bundle of its own, loaded where there is a terminal.
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
    // What an earlier run had stored is no work of this one.
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

  /** Draws the last state below what was logged until now, and gives the terminal back to the log. */
  private stop(): void {
    this.output.divert(undefined);
    this.multiBar.update();
    this.multiBar.stop();
  }
}
