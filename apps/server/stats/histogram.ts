/**
 * How often a measured value fell into which range: a histogram in plain numbers, so cheap that it may be fed for every
 * batch. What reads it (the metrics) does so when it is asked, not when something is measured.
 */
export class Histogram {
  /** How many values were at most the bound of the same index and above the one before; the last: above every bound. */
  readonly counts: number[];
  sum = 0;
  count = 0;

  /** @param bounds the ranges' upper bounds, ascending. */
  constructor(readonly bounds: readonly number[]) {
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let range = 0;
    while (range < this.bounds.length && value > this.bounds[range]!) range++;
    this.counts[range]!++;
    this.sum += value;
    this.count++;
  }
}
