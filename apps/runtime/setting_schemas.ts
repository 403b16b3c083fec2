import { isIP, isIPv6 } from 'node:net';
import * as v from 'valibot';
import { LOG_LEVELS } from './action_log';

/** The kinds of settings' values. Each message continues the setting's name: "SERVER_PORT must be …". */

/** A whole number within limits, in decimal digits. */
export function wholeNumber(least: number, most: number): v.GenericSchema<string, number> {
  const message = `must be a whole number from ${least} to ${most}`;
  return v.pipe(
    v.string(),
    v.trim(),
    v.regex(/^\d{1,15}$/, message),
    v.transform(Number),
    v.minValue(least, message),
    v.maxValue(most, message),
  );
}

/** Milliseconds, up to the longest delay of a timer (24.8 days). */
export function milliseconds(least: number): v.GenericSchema<string, number> {
  return wholeNumber(least, 2_147_483_647);
}

export const logLevel = v.pipe(
  v.string(),
  v.trim(),
  v.toUpperCase(),
  v.picklist(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`),
);

export const nonEmptyText = v.pipe(v.string(), v.trim(), v.minLength(1, 'must not be empty'));

/** The path of a file or a directory. */
export const filePath = v.pipe(
  nonEmptyText,
  v.check((path) => !path.includes('\0'), 'must not hold the character NUL'),
);

/** `on` or `off`, as a boolean. */
export const onOrOff = v.pipe(
  v.string(),
  v.trim(),
  v.toLowerCase(),
  v.picklist(['on', 'off'], 'must be on or off'),
  v.transform((text) => text === 'on'),
);

/** A local address to listen on: a host name or an IP address. An IPv6 address may be in brackets. */
export const bindAddress = v.pipe(
  nonEmptyText,
  // Only a text with a colon gets to Node's check: its first call takes milliseconds, for a large regular expression.
  parsed(
    (text) => readHost(text) ?? (isIPv6(text) ? text : undefined),
    'must be an IP address or a host name, without a port',
  ),
);

/** A server: a host name, or an IP address without brackets, and a TCP port. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

const HOST_AND_PORT = 'must be host:port with a port from 1 to 65535';

/** `host:port`, with an IPv6 address in brackets. */
export const hostAndPort = v.pipe(v.string(), parsed(readHostAndPort, HOST_AND_PORT));

/** `host:port`, or several of them separated by commas, each of them once. */
export const hostsAndPorts = v.pipe(
  v.string(),
  parsed(readHostsAndPorts, `${HOST_AND_PORT}, or several of them separated by commas`),
  v.check(areDistinct, 'must have each server once'),
);

/** Letters, digits, `-` and `_` in labels separated by dots. The dot of the root may be at the end. */
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?$/i;

/** The name of a host, which is no IP address. */
export const hostName = v.pipe(
  v.string(),
  v.trim(),
  v.check((name) => HOST_NAME.test(name) && isIP(name) === 0, 'must be a host name'),
);

/** Names of hosts, separated by commas, possibly none. */
export const hostNames = v.pipe(
  v.string(),
  v.transform((text) => (text.trim() === '' ? [] : text.split(',').map((name) => name.trim()))),
  v.check((names) => names.every((name) => HOST_NAME.test(name)), 'must be host names, separated by commas'),
);

/** IP addresses and networks (`10.0.0.0/8`, `2001:db8::/32`), separated by commas, possibly none. */
export const networks = v.pipe(
  v.string(),
  v.transform((text) => (text.trim() === '' ? [] : text.split(',').map((network) => network.trim()))),
  v.check((list) => list.every(isNetwork), 'must be IP addresses or networks such as 10.0.0.0/8, separated by commas'),
);

/** A transformation by `parse`, which returns undefined for other text. */
function parsed<Value>(
  parse: (text: string) => Value | undefined,
  message: string,
): v.RawTransformAction<string, Value> {
  return v.rawTransform(({ dataset: { value: text }, addIssue, NEVER }) => {
    const value = parse(text);
    if (value !== undefined) return value;
    addIssue({ message });
    return NEVER;
  });
}

function readHostsAndPorts(text: string): readonly HostAndPort[] | undefined {
  const servers = text.split(',').map((part) => readHostAndPort(part));
  return servers.every((server) => server !== undefined) ? servers : undefined;
}

function readHostAndPort(text: string): HostAndPort | undefined {
  const match = /^(.*):(\d{1,5})$/s.exec(text.trim());
  const host = match === null ? undefined : readHost(match[1]!);
  if (host === undefined) return undefined;
  const port = Number(match![2]);
  return port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

function isNetwork(text: string): boolean {
  const [, address = '', bits = '0'] = /^([^/%]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128);
}

/** Host names are the same in capital letters (RFC 4343). */
function areDistinct(servers: readonly HostAndPort[]): boolean {
  return new Set(servers.map(({ host, port }) => `${host.toLowerCase()} ${port}`)).size === servers.length;
}

/** A host name, an IPv4 address, or an IPv6 address without its brackets; undefined for other text. */
function readHost(text: string): string | undefined {
  const bracketed = /^\[(.*)\]$/s.exec(text)?.[1];
  if (bracketed !== undefined) return isIPv6(bracketed) ? bracketed : undefined;
  return /^[^\s:[\]\p{Cc}]+$/u.test(text) ? text : undefined;
}
