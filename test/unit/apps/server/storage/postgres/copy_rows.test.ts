import { expect } from 'chai';
import fc from 'fast-check';
import { readBetBatch } from '../../../../../../apps/protocol/bet_batch';
import { formatCopyRows } from '../../../../../../apps/server/storage/postgres/copy_rows';

const row = (agency: number, document: number): string => `${agency},Ana,"Gómez, h.",${document},1999-03-17,42`;
const batchOf = (agency: number, documents: readonly number[]) =>
  readBetBatch(Buffer.from(documents.map((document) => row(agency, document)).join('\n')), agency);

describe('the input of COPY', () => {
  it('has the draw and the sequence number before each row, one row a line', () => {
    expect(Buffer.from(formatCopyRows(12, batchOf(3, [1, 5]), 0)).toString('utf8')).to.equal(
      `12,1,${row(3, 1)}\n12,2,${row(3, 5)}\n`,
    );
  });

  it('counts on from any number, over every number of digits', () => {
    const afters = fc.oneof(fc.nat(2_000), fc.constantFrom(8, 9, 98, 99, 998, 999, 99_999, 999_999_999));
    fc.assert(
      fc.property(
        fc.nat(100_000),
        fc.integer({ min: 1, max: 1_000_000 }),
        afters,
        fc.integer({ min: 1, max: 40 }),
        (draw, agency, after, size) => {
          const documents = Array.from({ length: size }, (_, index) => index + 1);
          const lines = documents.map((document) => `${draw},${after + document},${row(agency, document)}\n`);
          const formatted = formatCopyRows(draw, batchOf(agency, documents), after);
          expect(Buffer.from(formatted).toString('utf8')).to.equal(lines.join(''));
        },
      ),
    );
  });
});
