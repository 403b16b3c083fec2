import * as v from 'valibot';
import { LOG_LEVELS } from './action_log';

/** The kinds of values that settings have. Each message goes on from the setting's name: "SERVER_PORT must be …". */

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

/** Milliseconds, up to the longest delay that a timer can hold (24.8 days). */
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

/** `host:port`; an IPv6 address stands in brackets. */
export const hostAndPort = v.pipe(
  v.string(),
  v.trim(),
  v.regex(/^(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/, 'must be host:port'),
  v.transform((text) => {
    const colon = text.lastIndexOf(':');
    return { host: text.slice(0, colon).replaceAll(/[[\]]/g, ''), port: Number(text.slice(colon + 1)) };
  }),
  v.check(({ port }) => port >= 1 && port <= 65_535, 'must be host:port with a port from 1 to 65535'),
);

/** Letters, digits, `-` and `_` in labels with dots between them; the dot of the root may stand at its end. */
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?$/i;

/** Names of hosts, separated by commas; there may be none. */
export const hostNames = v.pipe(
  v.string(),
  v.transform((text) => (text.trim() === '' ? [] : text.split(',').map((name) => name.trim()))),
  v.check((names) => names.every((name) => HOST_NAME.test(name)), 'must be host names, separated by commas'),
);
