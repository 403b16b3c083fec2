import { isIPv6 } from 'node:net';

/** The number of 16-bit groups of an IPv6 address. */
const GROUPS = 8;

/** `::ffff:0:0/96`, the IPv4-mapped addresses (RFC 4291, section 2.5.5.2). */
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0xffff];

/**
 * The groups of an IPv6 address in text form (RFC 4291, section 2.2), without its zone.
 *
 * @param host a valid IPv6 address.
 */
export function ipv6Groups(host: string): number[] {
  const [head = '', tail] = host.replace(/%.*/, '').split('::');
  const first = groupsOf(head);
  if (tail === undefined) return first;
  const last = groupsOf(tail);
  const zeros = new Array<number>(GROUPS - first.length - last.length).fill(0);
  return [...first, ...zeros, ...last];
}

/** The text of an IPv6 address as inet_ntop(3) gives it: in short form, an IPv4-mapped one as `::ffff:192.0.2.1`. */
export function ipv6Text(groups: readonly number[]): string {
  const ipv4 = mappedIpv4(groups);
  if (ipv4 !== undefined) return `::ffff:${ipv4}`;
  const zeros = longestZeros(groups);
  const hex = groups.map((group) => group.toString(16));
  if (zeros.length < 2) return hex.join(':');
  return `${hex.slice(0, zeros.start).join(':')}::${hex.slice(zeros.start + zeros.length).join(':')}`;
}

/** The IPv4 address in the groups of an IPv4-mapped one; undefined for any other IPv6 address. */
export function mappedIpv4(groups: readonly number[]): string | undefined {
  if (!MAPPED_PREFIX.every((group, index) => groups[index] === group)) return undefined;
  const [high, low] = [groups[6]!, groups[7]!];
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
}

/** An address as IPv4 if it is an IPv4-mapped IPv6 address; without its zone (RFC 4007). */
export function unmappedAddress(host: string): string {
  return isIPv6(host) ? (mappedIpv4(ipv6Groups(host)) ?? host.replace(/%.*/, '')) : host;
}

function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => (part.includes('.') ? ipv4Groups(part) : [parseInt(part, 16)]));
}

function ipv4Groups(text: string): number[] {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return [(a << 8) | b, (c << 8) | d];
}

/** The longest run of zeros, the first of several (RFC 5952, section 4.2). */
function longestZeros(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let longest = { start: 0, length: 0 };
  let length = 0;
  groups.forEach((group, index) => {
    length = group === 0 ? length + 1 : 0;
    if (length > longest.length) longest = { start: index - length + 1, length };
  });
  return longest;
}
