import { expect } from 'chai';
import fc from 'fast-check';
import { addressGroup } from '../../../../../lib/sockets/serving/address_group';

const CASES: readonly (readonly [string, string])[] = [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:192.0.2.255', '192.0.2.255'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:0db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::192.0.2.1', '0:0:0:0::/64'],
];

describe('addressGroup', () => {
  for (const [host, group] of CASES) {
    it(`counts ${host} as ${group}`, () => expect(addressGroup(host)).to.equal(group));
  }

  it('depends on the first 64 bits of an IPv6 address only, however it is written', () => {
    const groups = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(groups, groups, (prefix, rest) => {
        fc.pre(prefix.some((group) => group !== 0));
        const hex = [...prefix, ...rest].map((group) => group.toString(16));
        const short = new URL(`http://[${hex.join(':')}]/`).hostname.slice(1, -1);
        const expected = `${hex.slice(0, 4).join(':')}::/64`;
        expect([addressGroup(hex.join(':')), addressGroup(short)]).to.deep.equal([expected, expected]);
      }),
    );
  });
});
