import { type SingleBar } from 'cli-progress';
import { createBars } from '../apps/client/progress/bar_style';
import { writeLine } from '../apps/runtime/standard_streams';

/** Displays the progress of each agency. */
export interface ProgressDisplay {
  /** Sets the agency's number of stored bets. `state` is a description of its current activity. */
  update(agency: number, bets: number, state: string): void;
  /** Releases the terminal. */
  stop(): void;
}

/** The lines of the terminal reserved for the text above the bars. */
const LINES_KEPT = 4;

const LINE_INTERVAL_MS = 1000;

/**
 * Shows bars in a terminal: one for each agency, or one for all if they do not fit. Other outputs get plain lines.
 * `totals` contains the number of bets in each agency's file.
 */
export function createProgressDisplay(totals: ReadonlyMap<number, number>): ProgressDisplay {
  if (!process.stdout.isTTY) return new PlainLines(totals);
  return totals.size + LINES_KEPT <= (process.stdout.rows || 24) ? new BarOfEach(totals) : new BarOfAll(totals);
}

/** The number of bets per second since the start of the display. */
function rateSince(startedAt: number, bets: number): number {
  return Math.round((bets * 1000) / Math.max(1, performance.now() - startedAt));
}

/**
 * Prints a line at each change of an agency's state. In between it prints one line per second, unless the reader is
 * behind.
 */
class PlainLines implements ProgressDisplay {
  private readonly last = new Map<number, { state: string; at: number }>();

  constructor(private readonly totals: ReadonlyMap<number, number>) {}

  update(agency: number, bets: number, state: string): void {
    const now = performance.now();
    const last = this.last.get(agency);
    const isKnown = last?.state === state;
    if (isKnown && (now - last.at < LINE_INTERVAL_MS || process.stdout.writableNeedDrain)) return;
    this.last.set(agency, { state, at: now });
    writeLine(process.stdout, `agency ${agency}: ${bets}/${this.totals.get(agency)} bets, ${state}`);
  }

  stop(): void {
    // Lines need no cleanup.
  }
}

class BarOfEach implements ProgressDisplay {
  private readonly multiBar = createBars();
  private readonly bars = new Map<number, SingleBar>();
  private readonly startedAt = performance.now();

  constructor(totals: ReadonlyMap<number, number>) {
    const digits = String(Math.max(...totals.keys())).length;
    for (const [agency, total] of totals) {
      const name = `agency ${String(agency).padStart(digits)}`;
      this.bars.set(agency, this.multiBar.create(total, 0, { name, rate: 0, state: 'starting' }));
    }
  }

  update(agency: number, bets: number, state: string): void {
    this.bars.get(agency)?.update(bets, { rate: rateSince(this.startedAt, bets), state });
  }

  stop(): void {
    this.multiBar.update();
    this.multiBar.stop();
  }
}

class BarOfAll implements ProgressDisplay {
  private readonly multiBar = createBars();
  private readonly bar: SingleBar;
  private readonly bets = new Map<number, number>();
  private readonly states = new Map<number, string>();
  private readonly startedAt = performance.now();
  private sum = 0;

  constructor(totals: ReadonlyMap<number, number>) {
    const total = Array.from(totals.values()).reduce((sum, bets) => sum + bets, 0);
    this.bar = this.multiBar.create(total, 0, { name: `${totals.size} agencies`, rate: 0, state: 'starting' });
  }

  update(agency: number, bets: number, state: string): void {
    this.sum += bets - (this.bets.get(agency) ?? 0);
    this.bets.set(agency, bets);
    this.states.set(agency, state);
    this.bar.update(this.sum, { rate: rateSince(this.startedAt, this.sum), state: this.describeStates() });
  }

  stop(): void {
    this.multiBar.update();
    this.multiBar.stop();
  }

  /** Formats the states, such as `40 uploading, 960 waiting for the draw`. */
  private describeStates(): string {
    const counts = new Map<string, number>();
    for (const state of this.states.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
    return Array.from(counts, ([state, count]) => `${count} ${state}`).join(', ');
  }
}
