import { expect } from 'chai';
import fc from 'fast-check';
import { Rate } from '../../../../../apps/server/limits/rate';

describe('Rate', () => {
  it('has the tokens of a period at once, then one for each interval', () => {
    const rate = new Rate(2, 1000);
    let bucket = 0;
    const granted = [5000, 5000, 5000, 5499, 5500].filter((now) => {
      if (!rate.hasToken(bucket, now)) return false;
      bucket = rate.take(bucket, 1, now);
      return true;
    });
    expect(granted).to.deep.equal([5000, 5000, 5500]);
  });

  it('an overdrawn bucket says for how long', () => {
    const rate = new Rate(100, 1000);
    const bucket = rate.take(0, 150, 5000);
    expect(rate.overdrawnMs(bucket, 5000)).to.equal(500);
    expect(rate.overdrawnMs(bucket, 5400)).to.equal(100);
    expect(rate.overdrawnMs(bucket, 5500)).to.equal(0);
    expect(rate.hasToken(bucket, 5500)).to.equal(false);
    expect(rate.hasToken(bucket, 5510)).to.equal(true);
  });

  it('grants the last token of a bucket also if its intervals are rounded', () => {
    const rate = new Rate(100, 100_000 / 3);
    let bucket = 0;
    const granted = Array.from({ length: 101 }, () => {
      if (!rate.hasToken(bucket, 12_345.678)) return false;
      bucket = rate.take(bucket, 1, 12_345.678);
      return true;
    });
    expect(granted.lastIndexOf(true)).to.equal(99);
    expect(granted.indexOf(false)).to.equal(100);
  });

  it('of 0 has no limit', () => {
    const rate = new Rate(0, 1000);
    const bucket = rate.take(0, 1e12, 5000);
    expect(rate.overdrawnMs(bucket, 5000)).to.be.at.most(0);
    expect(rate.hasToken(bucket, 5000)).to.equal(true);
  });

  it('a sender that waits while its bucket is overdrawn keeps to the rate, plus one bucket and one message', () => {
    const message = fc.record({ bytes: fc.integer({ min: 1, max: 8199 }), pause: fc.integer({ min: 0, max: 50 }) });
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 100_000 }), fc.array(message, { maxLength: 300 }), (perSecond, all) => {
        const rate = new Rate(perSecond, 1000);
        let [bucket, now, bytes] = [0, 1000, 0];
        for (const each of all) {
          now += each.pause;
          bucket = rate.take(bucket, each.bytes, now);
          now += Math.max(0, rate.overdrawnMs(bucket, now));
          bytes += each.bytes;
          expect(bytes).to.be.at.most(perSecond + ((now - 1000) * perSecond) / 1000 + 1);
        }
      }),
    );
  });
});
