/**
 * Shares one flush among many callers. Items submitted during a commit wait and form the next commit together, so a
 * flush carries more items under higher load.
 */
export class GroupCommit<Item, Result = void> {
  private waiting: Submission<Item, Result>[] = [];
  private readonly runs = new Set<Promise<void>>();
  /** The number of runs that take further submissions. */
  private active = 0;

  /**
   * @param commit makes the items durable in their order and settles each one with `resolve` or `reject`. It settles
   * all of them unless it throws; a throw rejects the rest.
   * @param concurrency the number of commits at the same time. With more than one, `commit` itself keeps the order of
   * items that depend on each other.
   */
  constructor(
    private readonly commit: (submissions: readonly Submission<Item, Result>[]) => Promise<void>,
    private readonly concurrency = 1,
  ) {}

  /** Resolves or rejects with the commit's result for the item. Commits begin in the order of the calls. */
  submit(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      if (this.waiting.length === 1 && this.active < this.concurrency) this.start();
    });
  }

  /** Resolves once no commit is in progress. */
  async idle(): Promise<void> {
    while (this.runs.size > 0) await Promise.all(this.runs);
  }

  private start(): void {
    this.active++;
    const run = this.run().then(() => void this.runs.delete(run));
    this.runs.add(run);
  }

  private async run(): Promise<void> {
    // One turn of the microtask queue lets the submissions of one turn share a commit.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const submissions = this.waiting;
      this.waiting = [];
      try {
        await this.commit(submissions);
      } catch (error) {
        for (const { reject } of submissions) reject(error);
      }
    }
    this.active--;
  }
}

export interface Submission<Item, Result = void> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}
