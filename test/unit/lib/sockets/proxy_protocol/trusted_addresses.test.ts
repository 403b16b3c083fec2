import { BlockList } from 'node:net';
import { expect } from 'chai';
import { TrustedAddresses } from '../../../../../lib/sockets/proxy_protocol/trusted_addresses';

describe('TrustedAddresses', () => {
  function trustedOf(list: readonly string[] | BlockList, hosts: readonly string[]): string[] {
    const trusted = new TrustedAddresses(list);
    return hosts.filter((host) => trusted.includes(host));
  }

  it('has single addresses and networks of both versions', () => {
    const list = ['192.0.2.1', '10.0.0.0/8', '2001:db8::1', 'fd00::/8', '203.0.113.7/32'];
    const inside = ['192.0.2.1', '10.255.0.1', '2001:db8::1', 'fd12::34', '203.0.113.7'];
    const outside = ['192.0.2.2', '11.0.0.1', '2001:db8::2', 'fe00::1', '203.0.113.8'];
    expect(trustedOf(list, [...inside, ...outside])).to.deep.equal(inside);
  });

  it('takes an IPv4-mapped address for the IPv4 address, on both sides', () => {
    expect(trustedOf(['10.0.0.0/8'], ['::ffff:10.1.2.3', '::ffff:11.1.2.3'])).to.deep.equal(['::ffff:10.1.2.3']);
    expect(trustedOf(['::ffff:192.0.2.1'], ['192.0.2.1', '192.0.2.2'])).to.deep.equal(['192.0.2.1']);
  });

  it('leaves out the zone of a link-local address', () => {
    expect(trustedOf(['fe80::/10'], ['fe80::1%eth0'])).to.deep.equal(['fe80::1%eth0']);
  });

  it('takes a BlockList of Node', () => {
    const list = new BlockList();
    list.addRange('192.0.2.1', '192.0.2.5');
    expect(trustedOf(list, ['192.0.2.5', '192.0.2.6', '::1'])).to.deep.equal(['192.0.2.5']);
  });

  it('trusts nobody if the list is empty', () => expect(trustedOf([], ['127.0.0.1', '::1'])).to.deep.equal([]));

  for (const entry of [
    '',
    'localhost',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0/8',
    'fe80::1%eth0',
    '1.2.3.4/x',
    5,
  ]) {
    it(`refuses the entry ${JSON.stringify(entry)}`, () => {
      expect(() => new TrustedAddresses([entry as string])).to.throw(TypeError, 'neither an IP address nor a network');
    });
  }

  it('refuses what is no list', () => {
    const list = '10.0.0.0/8' as unknown as string[];
    expect(() => new TrustedAddresses(list)).to.throw(TypeError, 'must be a list of addresses');
  });
});
