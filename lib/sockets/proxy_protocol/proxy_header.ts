/**
 * The PROXY protocol, versions 1 and 2: the header by which a proxy gives a server the address of its client
 * (https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt, section 2).
 */
import { isIPv4, isIPv6 } from 'node:net';
import { ipv6Groups, ipv6Text } from '../ip_address';

export interface ProxyHeader {
  /** The size of the header in bytes; what follows belongs to the connection. */
  readonly length: number;
  /** The address of the client; undefined if the header gives none: the real one is to be used. */
  readonly source: { readonly host: string; readonly port: number } | undefined;
}

/** The reason why bytes are no PROXY header; it continues "the PROXY header …". */
export class MalformedHeader extends Error {}

const V1_START = Buffer.from('PROXY ');
const V1_MOST_BYTES = 107;

const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_FIXED_BYTES = 16;
/** The address block of the longest family, Unix sockets, has 216 bytes; the rest is for extensions (TLVs). */
export const V2_MOST_BYTES = 4096;
const V2_VERSION = 2;
const LOCAL = 0;
const PROXY = 1;

/** The kinds of addresses, family and transport in one byte, for connections with TCP. */
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;
/** The largest valid family (Unix) and transport (datagrams). */
const LARGEST_FAMILY = 3;
const LARGEST_TRANSPORT = 2;
/** The size of the address block by family: unspecified, IPv4, IPv6, Unix. */
const ADDRESS_BYTES = [0, 12, 36, 216] as const;

/**
 * Reads the header at the beginning of `bytes`.
 *
 * @returns undefined if more bytes are needed.
 * @throws MalformedHeader no bytes behind these can make a header of them.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  if (startsAs(bytes, V1_START)) return readV1(bytes);
  if (startsAs(bytes, V2_SIGNATURE)) return readV2(bytes);
  throw new MalformedHeader('does not begin as one');
}

/** Whether the bytes begin with `start`, or are the beginning of it. */
function startsAs(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function readV1(bytes: Buffer): ProxyHeader | undefined {
  const end = bytes.subarray(0, V1_MOST_BYTES).indexOf('\r\n');
  if (end === -1) {
    if (bytes.length < V1_MOST_BYTES) return undefined;
    throw new MalformedHeader(`is longer than ${V1_MOST_BYTES} bytes`);
  }
  return { length: end + 2, source: sourceOfLine(bytes.toString('latin1', V1_START.length, end)) };
}

/** The words behind `PROXY`. After `UNKNOWN`, everything is ignored. */
function sourceOfLine(line: string): ProxyHeader['source'] {
  const [family, ...words] = line.split(' ');
  if (family === 'UNKNOWN') return undefined;
  if (family !== 'TCP4' && family !== 'TCP6') throw new MalformedHeader('names an unknown protocol');
  const [source = '', destination = '', sourcePort = '', destinationPort = ''] = words;
  const isAddress = family === 'TCP4' ? isIPv4 : isPlainIpv6;
  const isComplete = words.length === 4 && [sourcePort, destinationPort].every(isPort);
  if (!isComplete || !isAddress(source) || !isAddress(destination)) {
    throw new MalformedHeader('has addresses or ports that cannot be read');
  }
  return { host: family === 'TCP4' ? source : ipv6Text(ipv6Groups(source)), port: Number(sourcePort) };
}

/** An IPv6 address without a zone. */
function isPlainIpv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function readV2(bytes: Buffer): ProxyHeader | undefined {
  const [versionAndCommand, kind] = [bytes[12], bytes[13]];
  if (versionAndCommand !== undefined) requireCommand(versionAndCommand);
  if (versionAndCommand === undefined || kind === undefined || bytes.length < V2_FIXED_BYTES) return undefined;
  const isLocal = (versionAndCommand & 0xf) === LOCAL;
  const rest = bytes.readUInt16BE(14);
  const length = V2_FIXED_BYTES + rest;
  if (length > V2_MOST_BYTES) throw new MalformedHeader(`has ${length} bytes, at most ${V2_MOST_BYTES} are allowed`);
  if (!isLocal) requireAddressBlock(kind, rest);
  if (bytes.length < length) return undefined;
  return { length, source: isLocal ? undefined : sourceOfBlock(kind, bytes) };
}

function requireCommand(versionAndCommand: number): void {
  const [version, command] = [versionAndCommand >> 4, versionAndCommand & 0xf];
  if (version !== V2_VERSION) throw new MalformedHeader(`has version ${version}`);
  if (command !== LOCAL && command !== PROXY) throw new MalformedHeader(`has the unknown command ${command}`);
}

function requireAddressBlock(kind: number, size: number): void {
  const [family, transport] = [kind >> 4, kind & 0xf];
  if (family > LARGEST_FAMILY || transport > LARGEST_TRANSPORT) {
    throw new MalformedHeader(`has the unknown address family 0x${kind.toString(16).padStart(2, '0')}`);
  }
  if (size < ADDRESS_BYTES[family]!) throw new MalformedHeader('is too short for its addresses');
}

/** Other kinds than TCP over IP count as unspecified (section 2.2). */
function sourceOfBlock(kind: number, bytes: Buffer): ProxyHeader['source'] {
  const start = V2_FIXED_BYTES;
  if (kind === TCP_OVER_IPV4) {
    return { host: bytes.subarray(start, start + 4).join('.'), port: bytes.readUInt16BE(start + 8) };
  }
  if (kind !== TCP_OVER_IPV6) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(start + 2 * index));
  return { host: ipv6Text(groups), port: bytes.readUInt16BE(start + 32) };
}
