/** The newest samples of a number, one per tick, in a ring buffer. */
export class TimeSeries {
  private readonly samples: Float64Array;
  private taken = 0;

  constructor(size: number) {
    this.samples = new Float64Array(size);
  }

  push(sample: number): void {
    this.samples[this.taken++ % this.samples.length] = sample;
  }

  /** The samples from the oldest to the newest, without leading zeros. */
  values(): number[] {
    const size = this.samples.length;
    const values: number[] = [];
    for (let at = Math.max(0, this.taken - size); at < this.taken; at++) {
      const sample = this.samples[at % size]!;
      if (sample !== 0 || values.length > 0) values.push(sample);
    }
    return values;
  }
}
