import { expect } from 'chai';
import { orderForAgency } from '../../../../../apps/client/connection/agency_order';

/** How many agencies of 1 to `agencies` have each text of `describeOrder`. */
function countBy(agencies: number, items: string, describeOrder: (order: string) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let agency = 1; agency <= agencies; agency++) {
    const key = describeOrder(orderForAgency(agency, Array.from(items)).join(''));
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

describe('the order of an agency', () => {
  it('begins with item (id - 1) mod n, and differs behind it', () => {
    const orders = Array.from({ length: 12 }, (_, index) => orderForAgency(index + 1, ['a', 'b', 'c']).join(''));
    expect(orders).to.deep.equal([
      ...['abc', 'bca', 'cab', 'acb', 'bac', 'cba'],
      ...['abc', 'bca', 'cab', 'acb', 'bac', 'cba'],
    ]);
  });

  it('leaves the items as they are', () => {
    const items = ['a', 'b', 'c'];
    orderForAgency(5, items);
    expect(items).to.deep.equal(['a', 'b', 'c']);
    expect(orderForAgency(5, [])).to.deep.equal([]);
    expect(orderForAgency(1_000_000, ['a'])).to.deep.equal(['a']);
  });

  it('has each permutation of four items once in 24 agencies', () => {
    const counts = countBy(24, 'abcd', (order) => order);
    expect(Object.values(counts)).to.deep.equal(Array.from({ length: 24 }, () => 1));
    for (const order of Object.keys(counts)) expect(Array.from(order).sort().join('')).to.equal('abcd');
  });

  it('spreads the agencies evenly over the servers, and those of each server evenly over the others', () => {
    const even = (keys: readonly string[], count: number): Record<string, number> =>
      Object.fromEntries(keys.map((key) => [key, count]));
    const items = Array.from('abcde');
    const pairs = items.flatMap((first) => items.filter((item) => item !== first).map((second) => first + second));
    expect(countBy(1000, 'abcde', (order) => order[0]!)).to.deep.equal(even(items, 200));
    expect(countBy(1000, 'abcde', (order) => order.slice(0, 2))).to.deep.equal(even(pairs, 50));
  });

  it('has every item once, for many items and the greatest id', () => {
    const items = Array.from({ length: 250 }, (_, index) => index);
    expect(orderForAgency(1_000_000, items).sort((a, b) => a - b)).to.deep.equal(items);
  });
});
