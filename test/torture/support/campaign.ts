import { SeededRandom } from './seeded_random';

/** `make torture` runs the full sizes, `make test` small ones. */
export const IS_FULL = process.env['TORTURE'] === 'full';

/** The seed of all random numbers. TORTURE_SEED repeats a run. */
const SEED = Number(process.env['TORTURE_SEED'] ?? 20260101);

/** `full` under `make torture`, else `short`. */
export function sized(short: number, full: number): number {
  return IS_FULL ? full : short;
}

/** The usual time limit of a case, in milliseconds. */
const CASE_DEADLINE_MS = sized(30_000, 300_000);

/** A part of the suite: it counts the cases, gives each a seed, and names a failed one. */
export class Campaign {
  private cases = 0;
  private readonly figures: string[] = [];

  constructor(
    private readonly title: string,
    private readonly deadlineMs = CASE_DEADLINE_MS,
  ) {
    after(() => this.report());
  }

  /**
   * Runs one case with its own random numbers. A failure has the seed and the case in its message. The signal is aborted
   * at the end of the case, at its deadline too: a loop of the case must not outlive it.
   */
  async run(name: string, work: (random: SeededRandom, signal: AbortSignal) => Promise<void>): Promise<void> {
    const number = ++this.cases;
    const end = new AbortController();
    try {
      await within(this.deadlineMs, work(new SeededRandom(SEED + number * 1_000_003), end.signal));
    } catch (error) {
      const failure = error as Error;
      failure.message = `${this.title}, case ${number} (${name}), TORTURE_SEED=${SEED}: ${failure.message}`;
      throw failure;
    } finally {
      end.abort();
    }
  }

  /** Counts cases without a seed. */
  count(cases = 1): void {
    this.cases += cases;
  }

  /** Adds a figure to the printed line. */
  note(figure: string): void {
    this.figures.push(figure);
  }

  private report(): void {
    const figures = this.figures.length === 0 ? '' : `; ${this.figures.join('; ')}`;
    process.stdout.write(`    torture: ${this.title}: ${this.cases} cases, seed ${SEED}${figures}\n`);
  }
}

async function within(milliseconds: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end within ${milliseconds} ms`)), milliseconds);
  });
  try {
    await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
