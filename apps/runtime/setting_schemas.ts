import { isIPv6 } from 'node:net';
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

/** A local address to listen on: a host name or an IP address. An IPv6 address may be in brackets. */
export const bindAddress = v.pipe(
  nonEmptyText,
  v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
    const host = isIPv6(value) ? value : readHost(value);
    if (host !== undefined) return host;
    addIssue({ message: 'must be an IP address or a host name, without a port' });
    return NEVER;
  }),
);

/** `host:port`, with an IPv6 address in brackets. */
export const hostAndPort = v.pipe(
  v.string(),
  v.trim(),
  v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
    const match = /^(.*):(\d{1,5})$/s.exec(value);
    const host = match === null ? undefined : readHost(match[1]!);
    if (host !== undefined) return { host, port: Number(match![2]) };
    addIssue({ message: 'must be host:port' });
    return NEVER;
  }),
  v.check(({ port }) => port >= 1 && port <= 65_535, 'must be host:port with a port from 1 to 65535'),
);

/** Letters, digits, `-` and `_` in labels separated by dots. The dot of the root may be at the end. */
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?$/i;

/** Names of hosts, separated by commas, possibly none. */
export const hostNames = v.pipe(
  v.string(),
  v.transform((text) => (text.trim() === '' ? [] : text.split(',').map((name) => name.trim()))),
  v.check((names) => names.every((name) => HOST_NAME.test(name)), 'must be host names, separated by commas'),
);

/** A host name, an IPv4 address, or an IPv6 address without its brackets; undefined for other text. */
function readHost(text: string): string | undefined {
  const bracketed = /^\[(.*)\]$/s.exec(text)?.[1];
  if (bracketed !== undefined) return isIPv6(bracketed) ? bracketed : undefined;
  return /^[^\s:[\]\p{Cc}]+$/u.test(text) ? text : undefined;
}
