import { BlockList, isIP } from 'node:net';
import { unmappedAddress } from '../ip_address';

/** The addresses whose PROXY headers are believed: single ones, and networks (`10.0.0.0/8`, `2001:db8::/32`). */
export type TrustedAddressList = readonly string[] | BlockList;

/** Tests addresses. An IPv4-mapped IPv6 address counts as the IPv4 address. */
export class TrustedAddresses {
  private readonly list: BlockList;

  /** @throws TypeError an entry is neither an address nor a network. */
  constructor(trusted: TrustedAddressList) {
    this.list = trusted instanceof BlockList ? trusted : blockListOf(trusted);
  }

  includes(host: string): boolean {
    const address = unmappedAddress(host);
    return this.list.check(address, familyOf(address));
  }
}

function blockListOf(entries: readonly string[]): BlockList {
  const list = new BlockList();
  if (!Array.isArray(entries)) throw new TypeError('proxyProtocol.trusted must be a list of addresses, or a BlockList');
  entries.forEach((entry: string) => add(list, entry));
  return list;
}

function add(list: BlockList, entry: string): void {
  const [, address = '', prefix] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(String(entry)) ?? [];
  const version = isIP(address);
  const bits = prefix === undefined ? undefined : Number(prefix);
  if (version === 0 || (bits !== undefined && bits > (version === 4 ? 32 : 128))) {
    throw new TypeError(`proxyProtocol.trusted: ${JSON.stringify(entry)} is neither an IP address nor a network`);
  }
  if (bits === undefined) list.addAddress(unmappedAddress(address), familyOf(unmappedAddress(address)));
  else list.addSubnet(address, bits, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
