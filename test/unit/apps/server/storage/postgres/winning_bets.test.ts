import { expect } from 'chai';
import fc from 'fast-check';
import { readBetBatch } from '../../../../../../apps/protocol/bet_batch';
import { WinningBets } from '../../../../../../apps/server/storage/postgres/winning_bets';

interface SomeBet {
  readonly document: number;
  readonly number: string;
}

const batchOf = (bets: readonly SomeBet[]) =>
  readBetBatch(
    Buffer.from(bets.map(({ document, number }) => `2,Ana,"Paz, 42",${document},1999-03-17,${number}`).join('\n')),
    2,
  );

describe('the winning bets of a batch', () => {
  it('win by the value of their number, with the sequence number of their agency', () => {
    const bets = ['42', '7', '042', '0042', '420', '4242', '142'].map((number, index) => ({ document: index, number }));
    expect(new WinningBets(42).of(batchOf(bets), 10)).to.deep.equal([
      { agency: 2, seq: 11, document: '0' },
      { agency: 2, seq: 13, document: '2' },
      { agency: 2, seq: 14, document: '3' },
    ]);
  });

  it('are those of a search through all bets', () => {
    const bet = fc.record({
      document: fc.nat(100_000),
      number: fc.oneof(fc.constantFrom('0', '00', '000', '0000', '42', '0042', '9999'), fc.stringMatching(/^\d{1,4}$/)),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(0, 42, 9999),
        fc.array(bet, { minLength: 1, maxLength: 20 }),
        fc.nat(1_000),
        (winning, bets, after) => {
          const expected = bets.flatMap(({ document, number }, index) =>
            Number(number) === winning ? [{ agency: 2, seq: after + index + 1, document: String(document) }] : [],
          );
          expect(new WinningBets(winning).of(batchOf(bets), after)).to.deep.equal(expected);
        },
      ),
    );
  });
});
