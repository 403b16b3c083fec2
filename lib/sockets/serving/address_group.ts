import { ipv6Groups, mappedIpv4 } from '../ip_address';

/** The number of 16-bit groups of a network prefix. */
const PREFIX_GROUPS = 4;

/**
 * The name under which an address is counted: an IPv4 address by itself, an IPv6 address by its /64 prefix, since one
 * customer has a whole /64 at least (RFC 6177). An IPv4-mapped IPv6 address counts as the IPv4 address.
 *
 * @param host an IP address; the zone of a link-local one (RFC 4007) does not count.
 */
export function addressGroup(host: string): string {
  if (!host.includes(':')) return host;
  const groups = ipv6Groups(host);
  const prefix = groups.slice(0, PREFIX_GROUPS).map((group) => group.toString(16));
  return mappedIpv4(groups) ?? `${prefix.join(':')}::/64`;
}
