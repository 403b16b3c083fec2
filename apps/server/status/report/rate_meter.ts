/** Samples are taken once a second, so this is a mean of three seconds: steady enough to be read, quick enough to be true. */
const SAMPLES = 3;

/** How fast a counter grows. */
export class RateMeter {
  private readonly added: number[] = [];
  private readonly seconds: number[] = [];
  private last = 0;

  /** Takes the counter's value, `seconds` after the sample before, and returns how much it has grown since then. */
  sample(value: number, seconds: number): number {
    const added = value - this.last;
    this.last = value;
    this.added.push(added);
    this.seconds.push(seconds);
    if (this.added.length > SAMPLES) {
      this.added.shift();
      this.seconds.shift();
    }
    return added;
  }

  /** The mean of the last samples, in whole units; 0 before the first. */
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
