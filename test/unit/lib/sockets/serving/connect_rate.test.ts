import { expect } from 'chai';
import fc from 'fast-check';
import { ConnectRate } from '../../../../../lib/sockets/serving/connect_rate';

/** The times of the attempts that got a token. */
function granted(rate: ConnectRate, times: readonly number[]): number[] {
  return times.filter((now) => rate.take('192.0.2.1', now));
}

describe('ConnectRate', () => {
  it('allows as many at once as a second, then one for each interval', () => {
    expect(granted(new ConnectRate(5), [0, 0, 0, 0, 0, 0, 199, 200, 200, 399, 400])).to.deep.equal([
      0, 0, 0, 0, 0, 200, 400,
    ]);
  });

  it('of three a second allows three at once, in spite of rounding', () => {
    for (const start of [0, 0.1, 1_234_567.891]) {
      expect(granted(new ConnectRate(3), [start, start, start, start])).to.deep.equal([start, start, start]);
    }
  });

  it('allows a burst at once, and has it again after the time of its connections', () => {
    const rate = new ConnectRate(2, 4);
    expect(granted(rate, [0, 0, 0, 0, 0, 499, 500, 999, 1000])).to.deep.equal([0, 0, 0, 0, 500, 1000]);
    expect(granted(rate, Array<number>(6).fill(3000))).to.have.length(4);
  });

  it('below one a second allows one at once', () => {
    expect(granted(new ConnectRate(0.5), [0, 1, 1999, 2000, 3999, 4000])).to.deep.equal([0, 2000, 4000]);
  });

  it('counts each address by itself', () => {
    const rate = new ConnectRate(1);
    const takes = ['192.0.2.1', '192.0.2.2', '192.0.2.1', '192.0.2.2'].map((address) => rate.take(address, 0));
    expect(takes).to.deep.equal([true, true, false, false]);
  });

  it('is full again after a second, and not fuller', () => {
    const rate = new ConnectRate(4);
    expect(granted(rate, [0, 0, 0, 0, 0])).to.have.length(4);
    expect(granted(rate, Array<number>(8).fill(60_000))).to.have.length(4);
  });

  it('grants the same as a bucket that is counted in tokens, at any times, across generations', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 1500 }), { maxLength: 200 }),
        (perSecond, pauses) => {
          const rate = new ConnectRate(perSecond);
          let [tokens, last, now] = [perSecond, 0, 0];
          for (const pause of pauses) {
            now += pause;
            tokens = Math.min(perSecond, tokens + ((now - last) * perSecond) / 1000);
            last = now;
            const isGranted = tokens > 1 - 1e-6;
            if (isGranted) tokens -= 1;
            expect(rate.take('192.0.2.1', now)).to.equal(isGranted);
          }
        },
      ),
    );
  });

  it('remembers a bounded number of addresses, and of these each that is not full', () => {
    const rate = new ConnectRate(1, 1, 100);
    rate.take('first', 0);
    for (let address = 0; address < 100; address++) expect(rate.take(`early ${address}`, 0)).to.equal(true);
    expect(rate.take('first', 0)).to.equal(false);
    for (let address = 0; address < 10_000; address++) {
      expect(rate.take(`late ${address}`, 0)).to.equal(true);
      expect(rate.size).to.be.at.most(200);
    }
    expect(rate.take('late 9999', 0)).to.equal(false);
  });

  it('forgets addresses whose buckets are full', () => {
    const rate = new ConnectRate(1);
    for (let address = 0; address < 1000; address++) rate.take(`early ${address}`, 0);
    rate.take('later', 1000);
    rate.take('latest', 2000);
    expect(rate.size).to.equal(2);
  });
});
