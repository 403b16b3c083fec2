import { expect } from 'chai';
import fc from 'fast-check';
import { readBetBatch } from '../../../../../../apps/protocol/bet_batch';
import { formatCopyRows } from '../../../../../../apps/server/storage/postgres/copy_rows';

const row = (agency: number, document: number): string => `${agency},Ana,"Gómez, h.",${document},1999-03-17,42`;
const batchOf = (agency: number, documents: readonly number[]) =>
  readBetBatch(Buffer.from(documents.map((document) => row(agency, document)).join('\n')), agency);

describe('the input of COPY', () => {
  it('has the draw and the sequence number before each row, one row a line', () => {
    const batches = [batchOf(3, [1, 2]), batchOf(3, [5])];
    expect(formatCopyRows(12, [{ batches, after: 0 }]).toString('utf8')).to.equal(
      `12,1,${row(3, 1)}\n12,2,${row(3, 2)}\n12,3,${row(3, 5)}\n`,
    );
  });

  it('is empty without batches', () => {
    expect(formatCopyRows(1, []).toString('utf8')).to.equal('');
  });

  it('counts on from any number, over every number of digits', () => {
    const agency = fc.record({
      id: fc.integer({ min: 1, max: 1_000_000 }),
      after: fc.oneof(fc.nat(2_000), fc.constantFrom(8, 9, 98, 99, 998, 999, 99_999, 999_999_999)),
      sizes: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.nat(100_000), fc.array(agency, { maxLength: 4 }), (draw, agencies) => {
        const expected: string[] = [];
        const input = agencies.map(({ id, after, sizes }) => {
          let seq = after;
          const batches = sizes.map((size) => {
            const documents = Array.from({ length: size }, (_, index) => index + 1);
            for (const document of documents) expected.push(`${draw},${++seq},${row(id, document)}\n`);
            return batchOf(id, documents);
          });
          return { batches, after };
        });
        expect(formatCopyRows(draw, input).toString('utf8')).to.equal(expected.join(''));
      }),
    );
  });
});
