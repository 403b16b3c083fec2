import { expect } from 'chai';
import { parseCanonicalNumber } from '../../../../apps/protocol/canonical_number';

describe('a canonical number', () => {
  it('is digits without a leading zero', () => {
    expect(parseCanonicalNumber('0')).to.equal(0);
    expect(parseCanonicalNumber('7')).to.equal(7);
    expect(parseCanonicalNumber('1000000')).to.equal(1_000_000);
    expect(parseCanonicalNumber('99999999999999999999')).to.be.greaterThan(Number.MAX_SAFE_INTEGER);
  });

  for (const text of ['', '00', '01', '-1', '+1', ' 1', '1 ', '1\n', '1.0', '1e3', '0x1', '١', '１', 'NaN', '1,2']) {
    it(`is not ${JSON.stringify(text)}`, () => {
      expect(parseCanonicalNumber(text)).to.equal(undefined);
    });
  }
});
