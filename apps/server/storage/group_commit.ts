/**
 * Shares one flush among many callers. Items submitted during a commit wait and form the next commit together, so a
 * flush carries more items under higher load.
 */
export class GroupCommit<Item, Result = void> {
  private waiting: Submission<Item, Result>[] = [];
  private running: Promise<void> | undefined;

  /**
   * @param commit makes the items durable in their order and settles each one with `resolve` or `reject`. It settles
   * all of them unless it throws; a throw rejects the rest.
   */
  constructor(private readonly commit: (submissions: readonly Submission<Item, Result>[]) => Promise<void>) {}

  /** Resolves or rejects with the commit's result for the item. Items are committed in the order of the calls. */
  submit(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.running ??= this.run();
    });
  }

  /** Resolves once no commit is in progress. */
  async idle(): Promise<void> {
    await this.running;
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
    this.running = undefined;
  }
}

export interface Submission<Item, Result = void> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}
