/** The bounds of simultaneous commits. */
export interface CommitLimits {
  /** The number of commits at the same time. With more than one, `commit` itself keeps the order of dependent items. */
  readonly concurrency: number;
  /** The maximum number of items in a commit: it leaves items for another commit beside it. */
  readonly maxItems: number;
  /** The number of waiting items that begins another commit beside a running one: a commit of a few is not worth it. */
  readonly minItemsBeside: number;
}

const ONE_AT_A_TIME: CommitLimits = { concurrency: 1, maxItems: Infinity, minItemsBeside: 1 };

/**
 * Shares one flush among many callers. Items submitted during a commit wait and form the next commit together, so a
 * flush carries more items under higher load.
 */
export class GroupCommit<Item, Result = void> {
  private waiting: Submission<Item, Result>[] = [];
  private readonly running = new Set<Promise<void>>();
  /** The number of commits in progress. */
  private active = 0;

  /**
   * @param commit makes the items durable in their order and settles each one with `resolve` or `reject`. It settles
   * all of them unless it throws; a throw rejects the rest.
   */
  constructor(
    private readonly commit: (submissions: readonly Submission<Item, Result>[]) => Promise<void>,
    private readonly limits: CommitLimits = ONE_AT_A_TIME,
  ) {}

  /** Resolves or rejects with the commit's result for the item. Commits begin in the order of the calls. */
  submit(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.beginIfDue();
    });
  }

  /** Resolves once no commit is in progress. */
  async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running);
  }

  private beginIfDue(): void {
    if (!this.isDue) return;
    this.active++;
    const running = this.run().then(() => void this.running.delete(running));
    this.running.add(running);
  }

  private get isDue(): boolean {
    const { concurrency, minItemsBeside } = this.limits;
    if (this.active === 0) return this.waiting.length > 0;
    return this.active < concurrency && this.waiting.length >= minItemsBeside;
  }

  private async run(): Promise<void> {
    // One turn of the microtask queue lets the submissions of one turn share a commit.
    await Promise.resolve();
    const submissions = this.waiting.splice(0, this.limits.maxItems);
    this.beginIfDue();
    try {
      if (submissions.length > 0) await this.commit(submissions);
    } catch (error) {
      for (const { reject } of submissions) reject(error);
    }
    this.active--;
    this.beginIfDue();
  }
}

export interface Submission<Item, Result = void> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}
