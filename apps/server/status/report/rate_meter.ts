/** The number of samples in the mean. At one per second it is a mean of three seconds: readable and current. */
const SAMPLES = 3;

/** The growth rate of a counter. */
export class RateMeter {
  private readonly added: number[] = [];
  private readonly seconds: number[] = [];

  /** Adds a sample: the counter has grown by `added` within `seconds`. */
  sample(added: number, seconds: number): void {
    this.added.push(added);
    this.seconds.push(seconds);
    if (this.added.length > SAMPLES) {
      this.added.shift();
      this.seconds.shift();
    }
  }

  /** The mean of the last samples per second, rounded, or 0 before the first. */
  get perSecond(): number {
    const seconds = sum(this.seconds);
    return seconds > 0 ? Math.round(sum(this.added) / seconds) : 0;
  }
}

function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
