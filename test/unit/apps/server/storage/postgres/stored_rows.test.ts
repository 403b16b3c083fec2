import { expect } from 'chai';
import fc from 'fast-check';
import { planPages } from '../../../../../../apps/server/storage/postgres/stored_rows';

const counts = fc
  .array(fc.integer({ min: 1, max: 25 }), { maxLength: 20 })
  .map((list) => list.map((stored, index) => ({ agency: index + 1, stored })));

describe('the pages of an export', () => {
  it('have all bets once, in their order, and all pages but the last are full', () => {
    fc.assert(
      fc.property(counts, fc.integer({ min: 1, max: 30 }), (stored, limit) => {
        const pages = Array.from(planPages(stored, limit));
        const bets = pages.map((ranges) =>
          ranges.flatMap(({ agency, first, last }) =>
            Array.from({ length: last - first + 1 }, (_, index) => `${agency}:${first + index}`),
          ),
        );
        expect(bets.flat()).to.deep.equal(
          stored.flatMap(({ agency, stored: count }) =>
            Array.from({ length: count }, (_, index) => `${agency}:${index + 1}`),
          ),
        );
        for (const page of bets.slice(0, -1)) expect(page).to.have.length(limit);
        expect(bets.at(-1)?.length ?? limit).to.be.within(1, limit);
      }),
    );
  });
});
