/** A histogram in plain numbers, cheap enough for an update per batch. The metrics read it at each collection. */
export class Histogram {
  /**
   * The number of values per range: at most the bound of the same index, and above the previous one. The last range has
   * no bound.
   */
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
