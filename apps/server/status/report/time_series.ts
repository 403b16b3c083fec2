/** The newest samples of a number, one a tick; the oldest go as new ones come. */
export class TimeSeries {
  private readonly samples: Float64Array;
  private taken = 0;

  constructor(size: number) {
    this.samples = new Float64Array(size);
  }

  push(sample: number): void {
    this.samples[this.taken++ % this.samples.length] = sample;
  }

  /** From the oldest sample to the newest, without the zeros before the first that is none. */
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
