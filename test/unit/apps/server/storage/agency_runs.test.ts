import { expect } from 'chai';
import fc from 'fast-check';
import { AgencyRuns } from '../../../../../apps/server/storage/agency_runs';

/** Rows with runs of agencies whose numbers begin with each other: 1, 11, 110. */
const rows = fc
  .array(fc.tuple(fc.constantFrom(1, 11, 110, 2), fc.integer({ min: 1, max: 4 })), { maxLength: 12 })
  .map((runs) => runs.flatMap(([agency, count]) => Array.from({ length: count }, () => agency)))
  .map((agencies) => agencies.map((agency, index) => `${agency},Ñandú,"x, ""y""",${index},1999-03-17,7`));

describe('the runs of agencies in bets.csv', () => {
  it('have all rows in their order, with the number of rows before each run, in pieces of any size', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 200 }), (expected, size) => {
        const bytes = Buffer.from(expected.map((row) => `${row}\n`).join(''));
        const runs = new AgencyRuns();
        const found: string[] = [];
        const counts = new Map<number, number>();
        for (let at = 0; at < bytes.length; at += size) {
          for (const { batch, after } of runs.take(bytes.subarray(at, at + size))) {
            const texts = Buffer.from(batch.rows).toString().split('\n');
            expect(texts).to.have.length(batch.count);
            for (const text of texts) expect(text.startsWith(`${batch.agency},`)).to.equal(true);
            expect(after).to.equal(counts.get(batch.agency) ?? 0);
            counts.set(batch.agency, after + batch.count);
            found.push(...texts);
          }
        }
        runs.requireComplete();
        expect(found).to.deep.equal(expected);
        expect(runs.counts).to.deep.equal(counts);
      }),
    );
  });

  for (const text of ['Ana,Paz\n', '\n', '01,Ana\n', '1\n', ',Ana\n', '-1,Ana\n']) {
    it(`are refused in ${JSON.stringify(text)}`, () => {
      expect(() => new AgencyRuns().take(Buffer.from(text))).to.throw('does not begin with the number of an agency');
    });
  }

  it('are refused without the end of the last row', () => {
    const runs = new AgencyRuns();
    expect(runs.take(Buffer.from('1,Ana\n1,An'))).to.have.length(1);
    expect(() => runs.requireComplete()).to.throw('ends in the middle of a row');
  });
});
