import { MultiBar, type SingleBar } from 'cli-progress';

/** Shows how far each agency is. */
export interface ProgressDisplay {
  /** So many of the agency's bets are stored; `state` says in words what it is doing. */
  update(agency: number, bets: number, state: string): void;
  /** Leaves the terminal to others. */
  stop(): void;
}

/** Bars where the output is a terminal, plain lines where it is not. `totals` has the bets of each agency's file. */
export function createProgressDisplay(totals: ReadonlyMap<number, number>): ProgressDisplay {
  return process.stdout.isTTY ? new ProgressBars(totals) : new ProgressLines(totals);
}

class ProgressBars implements ProgressDisplay {
  private readonly multiBar = new MultiBar({
    format: 'agency {agency} {bar} {percentage}% {value}/{total} bets, {state}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    // What cli-progress would only draw later is drawn at the end too.
    forceRedraw: true,
  });
  private readonly bars = new Map<number, SingleBar>();

  constructor(totals: ReadonlyMap<number, number>) {
    for (const [agency, total] of totals) {
      this.bars.set(agency, this.multiBar.create(total, 0, { agency, state: 'starting' }));
    }
  }

  update(agency: number, bets: number, state: string): void {
    this.bars.get(agency)?.update(bets, { state });
  }

  stop(): void {
    this.multiBar.update();
    this.multiBar.stop();
  }
}

/** A line when an agency's state changes, and one a second while it uploads. */
class ProgressLines implements ProgressDisplay {
  private readonly last = new Map<number, { state: string; at: number }>();

  constructor(private readonly totals: ReadonlyMap<number, number>) {}

  update(agency: number, bets: number, state: string): void {
    const now = performance.now();
    const last = this.last.get(agency);
    if (last !== undefined && last.state === state && now - last.at < 1000) return;
    this.last.set(agency, { state, at: now });
    process.stdout.write(`agency ${agency}: ${bets}/${this.totals.get(agency)} bets, ${state}\n`);
  }

  stop(): void {
    // Lines need no clearing up.
  }
}
