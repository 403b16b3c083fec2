/** PROXY headers as a proxy writes them, written by the specification and independently of the code under test. */
import fc from 'fast-check';

export interface HeaderCase {
  readonly bytes: Buffer;
  /** The address of the client; undefined if the header gives none. */
  readonly source: { readonly host: string; readonly port: number } | undefined;
}

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

export function v1(line: string): Buffer {
  return Buffer.from(`PROXY ${line}\r\n`);
}

/** @param versionAndCommand 0x20: LOCAL, 0x21: PROXY. @param kind family and transport, 0x11: TCP over IPv4. */
export function v2(versionAndCommand: number, kind: number, rest: Buffer): Buffer {
  const fixed = Buffer.from([versionAndCommand, kind, rest.length >> 8, rest.length & 0xff]);
  return Buffer.concat([SIGNATURE, fixed, rest]);
}

const port = fc.integer({ min: 0, max: 0xffff });
const ipv4 = fc.ipV4();
const groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 });
const extensions = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

/** The text of an IPv6 address, by Node's URL parser. IPv4-mapped addresses are left out: their text differs. */
const ipv6 = groups
  .filter((each) => each.slice(0, 5).some((group) => group !== 0))
  .map((each) => ({
    text: new URL(`http://[${each.map((group) => group.toString(16)).join(':')}]/`).hostname.slice(1, -1),
    long: each.map((group) => group.toString(16).toUpperCase().padStart(4, '0')).join(':'),
    bytes: Buffer.from(each.flatMap((group) => [group >> 8, group & 0xff])),
  }));

function ipv4Bytes(text: string): Buffer {
  return Buffer.from(text.split('.').map(Number));
}

function portBytes(...ports: number[]): Buffer {
  return Buffer.from(ports.flatMap((each) => [each >> 8, each & 0xff]));
}

/** Any valid header, with the address that it gives. */
export const anyHeader: fc.Arbitrary<HeaderCase> = fc.oneof(
  fc.tuple(ipv4, ipv4, port, port).map(([from, to, fromPort, toPort]) => ({
    bytes: v1(`TCP4 ${from} ${to} ${fromPort} ${toPort}`),
    source: { host: from, port: fromPort },
  })),
  fc.tuple(ipv6, ipv6, port, port, fc.boolean()).map(([from, to, fromPort, toPort, isShort]) => ({
    bytes: v1(`TCP6 ${isShort ? from.text : from.long} ${to.text} ${fromPort} ${toPort}`),
    source: { host: from.text, port: fromPort },
  })),
  fc.stringMatching(/^( [ -~]{0,90})?$/).map((rest) => ({ bytes: v1(`UNKNOWN${rest}`), source: undefined })),
  fc.tuple(ipv4, ipv4, port, port, extensions).map(([from, to, fromPort, toPort, rest]) => ({
    bytes: v2(0x21, 0x11, Buffer.concat([ipv4Bytes(from), ipv4Bytes(to), portBytes(fromPort, toPort), rest])),
    source: { host: from, port: fromPort },
  })),
  fc.tuple(ipv6, ipv6, port, port, extensions).map(([from, to, fromPort, toPort, rest]) => ({
    bytes: v2(0x21, 0x21, Buffer.concat([from.bytes, to.bytes, portBytes(fromPort, toPort), rest])),
    source: { host: from.text, port: fromPort },
  })),
  // LOCAL with any family, and PROXY without a TCP address: unspecified, datagrams, Unix sockets.
  fc.tuple(fc.integer({ min: 0, max: 0xff }), extensions).map(([kind, rest]) => ({
    bytes: v2(0x20, kind, rest),
    source: undefined,
  })),
  fc.tuple(fc.constantFrom(0x00, 0x12, 0x22, 0x31, 0x32, 0x10), extensions).map(([kind, rest]) => ({
    bytes: v2(0x21, kind, Buffer.concat([Buffer.alloc(216, 1), rest])),
    source: undefined,
  })),
);

export interface RefusedCase {
  readonly name: string;
  readonly bytes: Buffer;
  /** What the error says. */
  readonly problem: string;
}

const UNREADABLE = 'has addresses or ports that cannot be read';

/** Headers that are refused, with the reason. */
export const REFUSED_HEADERS: readonly RefusedCase[] = [
  { name: 'other bytes', bytes: Buffer.from('GET / HTTP/1.1\r\n'), problem: 'does not begin as one' },
  { name: 'one other byte', bytes: Buffer.from('\x16'), problem: 'does not begin as one' },
  { name: 'a lower case header', bytes: Buffer.from('proxy TCP4'), problem: 'does not begin as one' },
  {
    name: 'a signature that changes',
    bytes: Buffer.from('0d0a0d0a000d0a51554954FF', 'hex'),
    problem: 'does not begin',
  },
  { name: 'v1 of an unknown protocol', bytes: v1('UDP4 1.2.3.4 1.2.3.4 1 2'), problem: 'names an unknown protocol' },
  { name: 'v1 without a protocol', bytes: v1(''), problem: 'names an unknown protocol' },
  { name: 'v1 without a port', bytes: v1('TCP4 1.2.3.4 1.2.3.4 1'), problem: UNREADABLE },
  { name: 'v1 with a word too many', bytes: v1('TCP4 1.2.3.4 1.2.3.4 1 2 3'), problem: UNREADABLE },
  { name: 'v1 with two spaces', bytes: v1('TCP4  1.2.3.4 1.2.3.4 1 2'), problem: UNREADABLE },
  { name: 'v1 with a space at its end', bytes: v1('TCP4 1.2.3.4 1.2.3.4 1 2 '), problem: UNREADABLE },
  { name: 'v1 with a port out of range', bytes: v1('TCP4 1.2.3.4 1.2.3.4 65536 2'), problem: UNREADABLE },
  { name: 'v1 with a leading zero in a port', bytes: v1('TCP4 1.2.3.4 1.2.3.4 01 2'), problem: UNREADABLE },
  { name: 'v1 with a sign in a port', bytes: v1('TCP4 1.2.3.4 1.2.3.4 +1 2'), problem: UNREADABLE },
  { name: 'v1 with a leading zero in an address', bytes: v1('TCP4 1.2.3.04 1.2.3.4 1 2'), problem: UNREADABLE },
  { name: 'v1 with IPv6 as TCP4', bytes: v1('TCP4 ::1 ::1 1 2'), problem: UNREADABLE },
  { name: 'v1 with IPv4 as TCP6', bytes: v1('TCP6 1.2.3.4 1.2.3.4 1 2'), problem: UNREADABLE },
  { name: 'v1 with a zone', bytes: v1('TCP6 fe80::1%eth0 ::1 1 2'), problem: UNREADABLE },
  { name: 'v1 with a bad destination', bytes: v1('TCP4 1.2.3.4 1.2.3 1 2'), problem: UNREADABLE },
  {
    name: 'v1 with a line feed only',
    bytes: Buffer.from(`PROXY UNKNOWN\n${'x'.repeat(100)}`),
    problem: 'is longer than',
  },
  { name: 'v1 without an end', bytes: Buffer.from(`PROXY UNKNOWN ${'x'.repeat(93)}`), problem: 'is longer than 107' },
  { name: 'v2 of version 1', bytes: v2(0x11, 0x11, Buffer.alloc(12)), problem: 'has version 1' },
  { name: 'v2 with an unknown command', bytes: v2(0x22, 0x11, Buffer.alloc(12)), problem: 'has the unknown command 2' },
  {
    name: 'v2 with an unknown family',
    bytes: v2(0x21, 0x41, Buffer.alloc(216)),
    problem: 'unknown address family 0x41',
  },
  { name: 'v2 with an unknown transport', bytes: v2(0x21, 0x13, Buffer.alloc(216)), problem: 'address family 0x13' },
  { name: 'v2 too short for IPv4', bytes: v2(0x21, 0x11, Buffer.alloc(11)), problem: 'is too short for its addresses' },
  { name: 'v2 too short for IPv6', bytes: v2(0x21, 0x21, Buffer.alloc(35)), problem: 'is too short for its addresses' },
  {
    name: 'v2 too short for Unix',
    bytes: v2(0x21, 0x31, Buffer.alloc(215)),
    problem: 'is too short for its addresses',
  },
  { name: 'v2 over the limit', bytes: v2(0x20, 0, Buffer.alloc(4081)), problem: 'has 4097 bytes, at most 4096' },
];
