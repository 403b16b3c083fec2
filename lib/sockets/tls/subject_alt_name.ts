import { isIPv6, SocketAddress } from 'node:net';

/** The names of a certificate (subjectAltName, RFC 5280 section 4.2.1.6), by kind. Names of other kinds are left out. */
export interface SubjectAltName {
  readonly uri: readonly string[];
  readonly dns: readonly string[];
  /** In the usual notation, `2001:db8::7` for instance. */
  readonly ip: readonly string[];
  readonly email: readonly string[];
}

const KINDS: Readonly<Record<string, keyof SubjectAltName>> = {
  URI: 'uri',
  DNS: 'dns',
  'IP Address': 'ip',
  email: 'email',
};

/** One name: its kind, and its value as it is or as a JSON string; then a comma or the end. */
const NAME = /([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^",]*))(?:, |$)/y;

/**
 * The names in `X509Certificate.subjectAltName`. Node quotes a value that could be taken for several (CVE-2021-44532), so a
 * split at the commas is wrong. A text of another form has no names at all: it must not give an identity.
 */
export function parseSubjectAltName(text: string): SubjectAltName {
  const names = { uri: [] as string[], dns: [] as string[], ip: [] as string[], email: [] as string[] };
  NAME.lastIndex = 0;
  while (NAME.lastIndex < text.length) {
    const match = NAME.exec(text);
    if (match === null) return { uri: [], dns: [], ip: [], email: [] };
    const kind = KINDS[match[1]!];
    if (kind === undefined) continue;
    const value = match[2] === undefined ? match[3]! : (JSON.parse(match[2]) as string);
    names[kind].push(kind === 'ip' ? usualNotation(value) : value);
  }
  return names;
}

function usualNotation(ip: string): string {
  return isIPv6(ip) ? new SocketAddress({ address: ip, family: 'ipv6' }).address : ip;
}
