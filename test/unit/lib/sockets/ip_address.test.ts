import { expect } from 'chai';
import fc from 'fast-check';
import { ipv6Groups, ipv6Text, unmappedAddress } from '../../../../lib/sockets/ip_address';

describe('unmappedAddress', () => {
  it('is IPv4 for an IPv4-mapped address, and else the address without its zone', () => {
    const addresses = ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201', '2001:db8::1', 'fe80::1%eth0'];
    expect(addresses.map(unmappedAddress)).to.deep.equal([
      '192.0.2.1',
      '192.0.2.1',
      '192.0.2.1',
      '2001:db8::1',
      'fe80::1',
    ]);
  });
});

describe('ipv6Text', () => {
  const CASES = ['::', '::1', '1::', '2001:db8::1', '1:0:2:3:4:5:6:7', '1::4:5:0:0:8', '0:0:1::', '::ffff:192.0.2.1'];
  for (const text of CASES) {
    it(`gives ${text} back as it is`, () => expect(ipv6Text(ipv6Groups(text))).to.equal(text));
  }

  it('is what Node makes of any address, but for IPv4-mapped ones', () => {
    const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const text = ipv6Text(groups);
        expect(ipv6Groups(text)).to.deep.equal(groups);
        fc.pre(!text.startsWith('::ffff:'));
        expect(`[${text}]`).to.equal(
          new URL(`http://[${groups.map((each) => each.toString(16)).join(':')}]/`).hostname,
        );
      }),
    );
  });
});
