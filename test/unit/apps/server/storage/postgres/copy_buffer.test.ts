import { expect } from 'chai';
import fc from 'fast-check';
import { readBetBatch } from '../../../../../../apps/protocol/bet_batch';
import { CopyBuffer } from '../../../../../../apps/server/storage/postgres/copy_buffer';

const row = (agency: number, document: number): string => `${agency},Ana,"Gómez, h.",${document},1999-03-17,42`;
const batchOf = (agency: number, documents: readonly number[]) =>
  readBetBatch(Buffer.from(documents.map((document) => row(agency, document)).join('\n')), agency);
const textOf = (buffer: CopyBuffer): string => Buffer.from(buffer.lines).toString('utf8');

describe('the input of COPY', () => {
  it('has the draw and the sequence number before each row, one row a line', () => {
    const buffer = new CopyBuffer();
    buffer.add(12, batchOf(3, [1, 5]), 0);
    expect(textOf(buffer)).to.equal(`12,1,${row(3, 1)}\n12,2,${row(3, 5)}\n`);
  });

  it('has the rows of all batches since the last clear, in the order of the calls', () => {
    const buffer = new CopyBuffer();
    buffer.add(1, batchOf(9, [4]), 7);
    buffer.clear();
    expect(textOf(buffer)).to.equal('');
    buffer.add(1, batchOf(3, [1]), 0);
    buffer.add(1, batchOf(5, [2]), 40);
    expect(textOf(buffer)).to.equal(`1,1,${row(3, 1)}\n1,41,${row(5, 2)}\n`);
  });

  it('grows to any number of batches, over every number of digits', () => {
    const afters = fc.oneof(
      fc.nat(2_000),
      fc.constantFrom(8, 9, 98, 99, 998, 999, 99_999, 999_999_999, 2 ** 31, 2 ** 53 - 100),
    );
    const batch = fc.record({
      agency: fc.integer({ min: 1, max: 1_000_000 }),
      after: afters,
      size: fc.integer({ min: 1, max: 40 }),
    });
    const buffer = new CopyBuffer();
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), fc.array(batch, { maxLength: 60 }), (draw, batches) => {
        buffer.clear();
        const lines: string[] = [];
        for (const { agency, after, size } of batches) {
          const documents = Array.from({ length: size }, (_, index) => index + 1);
          buffer.add(draw, batchOf(agency, documents), after);
          lines.push(...documents.map((document) => `${draw},${after + document},${row(agency, document)}\n`));
        }
        expect(textOf(buffer)).to.equal(lines.join(''));
      }),
    );
  });
});
