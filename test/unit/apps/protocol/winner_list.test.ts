import { expect } from 'chai';
import fc from 'fast-check';
import { MSG_MAX_LENGTH } from '../../../../apps/protocol/messages';
import { parseWinners, splitWinners as valuesOf } from '../../../../apps/protocol/winner_list';

const splitWinners = (documents: readonly string[]): string[] => Array.from(valuesOf(documents));

describe('a list of winners', () => {
  it('has no message without winners, and one message for a few', () => {
    expect(splitWinners([])).to.deep.equal([]);
    expect(splitWinners(['1'])).to.deep.equal(['1']);
    expect(splitWinners(['30904465', '1', '30904465'])).to.deep.equal(['30904465,1,30904465']);
  });

  it('fills a message up to its last byte', () => {
    // 8192 bytes: 12 digits and a comma, 630 times, and then 2 more.
    const documents = Array.from({ length: 630 }, () => '123456789012');
    expect(splitWinners([...documents, '12']).map((value) => value.length)).to.deep.equal([MSG_MAX_LENGTH]);
    expect(splitWinners([...documents, '123']).map((value) => value.length)).to.deep.equal([8189, 3]);
  });

  it('is unchanged after formatting and parsing, and no document is split', () => {
    const documents = fc.array(
      fc.integer({ min: 1, max: 12 }).map((digits) => '9'.repeat(digits)),
      { maxLength: 3000, size: 'max' },
    );
    fc.assert(
      fc.property(documents, (winners) => {
        const values = splitWinners(winners);
        expect(values.flatMap(parseWinners)).to.deep.equal(winners);
        expect(values.every((value) => value.length > 0 && value.length <= MSG_MAX_LENGTH)).to.equal(true);
        for (const [index, value] of values.slice(1).entries()) {
          const next = parseWinners(value)[0]!;
          expect(values[index]!.length + 1 + next.length).to.be.greaterThan(MSG_MAX_LENGTH);
        }
      }),
      { numRuns: 50 },
    );
  });
});
