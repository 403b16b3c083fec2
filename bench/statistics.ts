/** The median: the middle value, or the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A median with its confidence interval. */
export interface MedianInterval {
  readonly median: number;
  /** The bounds of the interval; infinite for too few values. */
  readonly least: number;
  readonly most: number;
}

/**
 * The median's confidence interval by order statistics, for any distribution of the values. The number of values below
 * the true median has the distribution of the heads in as many tosses of a coin.
 *
 * @param confidence 0.95: the interval contains the true median in 19 of 20 cases.
 */
export function medianInterval(values: readonly number[], confidence: number): MedianInterval {
  const sorted = values.toSorted((left, right) => left - right);
  const tosses = sorted.length;
  // The number of values outside of the interval at each end: the largest with P(heads < cut) <= (1 - confidence) / 2.
  let cut = 0;
  let chance = 0.5 ** tosses;
  for (let beyond = chance; beyond <= (1 - confidence) / 2; beyond += chance) {
    cut++;
    chance *= (tosses - cut + 1) / cut;
  }
  return {
    median: median(values),
    least: cut === 0 ? -Infinity : sorted[cut - 1]!,
    most: cut === 0 ? Infinity : sorted[tosses - cut]!,
  };
}

/** The percentile of `share`, by the nearest rank: 0.99 for the 99th percentile. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

/** `MEDIAN UNIT (LEAST … MOST)` */
export function spread(values: readonly number[], unit: string, digits = 3): string {
  const show = (value: number): string => value.toFixed(digits);
  return `${show(median(values))} ${unit} (${show(Math.min(...values))} … ${show(Math.max(...values))})`;
}

/** The median of the ratios of two figures of the same round: temporary load affects both. */
export function pairedRatio(figures: readonly number[], references: readonly number[]): string {
  const ratios = figures.map((figure, round) => figure / references[round]!);
  return `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} … ${Math.max(...ratios).toFixed(2)})`;
}
