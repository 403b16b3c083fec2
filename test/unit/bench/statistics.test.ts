import { expect } from 'chai';
import { median, medianInterval } from '../../../bench/statistics';

describe('the statistics of the benchmarks', () => {
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

  it('have the middle value, or the mean of the two middle ones, as the median', () => {
    expect(median([3, 1, 2])).to.equal(2);
    expect(median([4, 1, 2, 3])).to.equal(2.5);
  });

  // The ranks of the usual table of the sign test, two-sided, at 95 %.
  for (const [count, rank] of [
    [6, 1],
    [8, 1],
    [9, 2],
    [12, 3],
    [21, 6],
    [25, 8],
  ] as const) {
    it(`have an interval of ${count} values from rank ${rank} to rank ${rank} from the end`, () => {
      const { least, most } = medianInterval(numbers(count).toReversed(), 0.95);
      expect([least, most]).to.deep.equal([rank, count + 1 - rank]);
    });
  }

  it('have an infinite interval for too few values', () => {
    expect(medianInterval(numbers(5), 0.95)).to.deep.equal({ median: 3, least: -Infinity, most: Infinity });
  });
});
