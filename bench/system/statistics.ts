/** The middle one of some figures, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A median, and between what the true one lies with some confidence. */
export interface MedianInterval {
  readonly median: number;
  /** Without end where there are too few values to say. */
  readonly least: number;
  readonly most: number;
}

/**
 * The median's confidence interval by order statistics, whatever the values' distribution: each value lies below the true
 * median as often as a coin shows heads.
 *
 * @param confidence 0.95: in 19 of 20 times the interval has the true median.
 */
export function medianInterval(values: readonly number[], confidence: number): MedianInterval {
  const sorted = values.toSorted((left, right) => left - right);
  const tosses = sorted.length;
  // The most values that may be cut off at each end: so few heads are rarer than half of what is left of certainty.
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

/** The share of `values` at or below the result is `share`: 0.99 for the 99th percentile. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

/** `MEDIAN UNIT (LEAST … MOST)` */
export function spread(values: readonly number[], unit: string, digits = 3): string {
  const show = (value: number): string => value.toFixed(digits);
  return `${show(median(values))} ${unit} (${show(Math.min(...values))} … ${show(Math.max(...values))})`;
}

/** The median of the ratios of figures that were taken in the same round: load that comes and goes hits both. */
export function pairedRatio(figures: readonly number[], references: readonly number[]): string {
  const ratios = figures.map((figure, round) => figure / references[round]!);
  return `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} … ${Math.max(...ratios).toFixed(2)})`;
}
