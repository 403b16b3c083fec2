import { expect } from 'chai';
import { AddressLimits } from '../../../../../lib/sockets/serving/address_limits';

describe('AddressLimits', () => {
  it('bounds the connections at once of each address', () => {
    const limits = new AddressLimits({ maxPerAddress: 2 });
    const enter = (host: string): string | undefined => limits.enter(host, 0);
    expect(['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.1'].map(enter)).to.deep.equal([
      undefined,
      undefined,
      undefined,
      'maxPerAddress',
    ]);
    limits.leave('192.0.2.1');
    expect([enter('192.0.2.1'), enter('192.0.2.1')]).to.deep.equal([undefined, 'maxPerAddress']);
  });

  it('counts IPv6 by /64 prefix, and IPv4-mapped addresses as IPv4', () => {
    const limits = new AddressLimits({ maxPerAddress: 1 });
    const enter = (host: string): string | undefined => limits.enter(host, 0);
    expect(['2001:db8::1', '2001:db8::ffff:1', '2001:db8:0:1::1'].map(enter)).to.deep.equal([
      undefined,
      'maxPerAddress',
      undefined,
    ]);
    expect(['::ffff:192.0.2.1', '192.0.2.1'].map(enter)).to.deep.equal([undefined, 'maxPerAddress']);
    limits.leave('192.0.2.1');
    expect(enter('::ffff:192.0.2.1')).to.equal(undefined);
  });

  it('bounds the new connections a second of each address', () => {
    const limits = new AddressLimits({ connectsPerSecond: 1 });
    expect([0, 999, 1000].map((now) => limits.enter('2001:db8::1', now))).to.deep.equal([
      undefined,
      'connectsPerSecond',
      undefined,
    ]);
    limits.leave('2001:db8::1');
  });

  it('without limits is not active', () => {
    expect(new AddressLimits({}).isActive).to.equal(false);
    expect(new AddressLimits({ maxPerAddress: 1 }).isActive).to.equal(true);
    expect(new AddressLimits({ connectsPerSecond: 1 }).isActive).to.equal(true);
  });
});
