/**
 * Lets many callers share one flush. While one commit is under way everything that is submitted waits, and then goes
 * into the next commit together: the busier it is, the more a single flush carries.
 */
export class GroupCommit<Item, Result = void> {
  private waiting: Submission<Item, Result>[] = [];
  private working: Promise<void> | undefined;

  /**
   * @param commit makes the items durable, in their order, and settles each: `resolve` or `reject`. It must settle all
   * of them, also where it throws.
   */
  constructor(private readonly commit: (submissions: readonly Submission<Item, Result>[]) => Promise<void>) {}

  /**
   * Resolves with what the commit says of the item, once that is durable; rejects as the commit says. Items are committed
   * in the order of the calls.
   */
  submit(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.working ??= this.work();
    });
  }

  /** Resolves once nothing is under way. */
  async idle(): Promise<void> {
    await this.working;
  }

  private async work(): Promise<void> {
    // One turn of the microtask queue, so that what is submitted together is committed together.
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
    this.working = undefined;
  }
}

export interface Submission<Item, Result = void> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}
