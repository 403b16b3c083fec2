import { expect } from 'chai';
import fc from 'fast-check';
import { winningRowsOf } from '../../../../apps/protocol/winning_rows';

const number = fc.tuple(fc.constantFrom(0, 7, 42, 420, 7574), fc.integer({ min: 0, max: 3 })).map(([value, zeros]) =>
  String(value)
    .padStart(String(value).length + zeros, '0')
    .slice(-4),
);
const name = fc.constantFrom('Ana', 'Ñandú 42', '"42"', '"a, 42"', '王');

describe('the winning rows', () => {
  it('are those whose last field has the value of the number', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, number)), fc.constantFrom(0, 7, 42, 7574), (fields, winning) => {
        const rows = fields.map(([text, last]) => `1,${text},Paz,42,1999-03-17,${last}`);
        const expected = fields.flatMap(([, last], index) => (Number(last) === winning ? [index + 1] : []));
        expect(winningRowsOf(Buffer.from(rows.join('\n')), winning)).to.deep.equal(expected);
      }),
    );
  });
});
