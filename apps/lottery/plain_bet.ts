/**
 * The fast path of reading bets. Nearly every row of a real file is plain: no quotes, no surprises. This file checks
 * such a row where it lies, byte by byte, and makes no string and no object of it; whatever it does not recognise it
 * leaves to the slow path (`bet_batch.ts`), which decides and says why. The two agree: what is plain is accepted there
 * too, and is stored as the same bytes (a property test holds them to it).
 *
 * It looks at single bytes; that the whole is UTF-8 is for the caller to check.
 */

import { isExistingDay } from './bet';

const COMMA = 0x2c;
const QUOTE = 0x22;
const DASH = 0x2d;
const DELETE = 0x7f;
/** The first byte of U+0080 to U+00BF, C1 control characters and the no-break space among them. */
const LATIN_1_LEAD = 0xc2;
const NAME_MAX_CHARACTERS = 100;
const DOCUMENT_MAX_DIGITS = 12;
const NUMBER_MAX_DIGITS = 4;

/** What the scanning functions return where a row is not plain. */
export const NOT_PLAIN = -1;

/**
 * Scans `first_name,last_name,document,birthdate,number` from offset `start`.
 *
 * @returns the offset behind the number's last digit (the caller checks what stands there), or `NOT_PLAIN`.
 */
export function scanPlainBet(bytes: Uint8Array, start: number): number {
  let at = scanName(bytes, start);
  if (at === NOT_PLAIN) return NOT_PLAIN;
  at = scanName(bytes, at);
  if (at === NOT_PLAIN) return NOT_PLAIN;
  const document = at;
  at = skipDigits(bytes, at);
  if (at === document || at - document > DOCUMENT_MAX_DIGITS || bytes[at] !== COMMA) return NOT_PLAIN;
  at = scanBirthdate(bytes, at + 1);
  if (at === NOT_PLAIN) return NOT_PLAIN;
  const number = at;
  at = skipDigits(bytes, at);
  return at === number || at - number > NUMBER_MAX_DIGITS ? NOT_PLAIN : at;
}

/** A name and the comma behind it; returns the offset behind the comma. */
function scanName(bytes: Uint8Array, start: number): number {
  let characters = 0;
  let isVisible = false;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === COMMA) return isVisible && characters <= NAME_MAX_CHARACTERS ? at + 1 : NOT_PLAIN;
    if (byte < 0x20 || byte === QUOTE || byte === DELETE) return NOT_PLAIN;
    if (byte === LATIN_1_LEAD && bytes[at + 1]! < 0xa0) return NOT_PLAIN;
    const isContinuation = (byte & 0xc0) === 0x80;
    if (!isContinuation) characters++;
    // ASCII but the space, and U+00C0 to U+0FFF, hold no white space: one such character is enough.
    if ((byte > 0x20 && byte < 0x80) || (byte > LATIN_1_LEAD && byte < 0xe1)) isVisible = true;
  }
  return NOT_PLAIN;
}

/** `YYYY-MM-DD,`, a day that exists; returns the offset behind the comma. */
function scanBirthdate(bytes: Uint8Array, start: number): number {
  const year = digits(bytes, start, 4);
  const month = digits(bytes, start + 5, 2);
  const day = digits(bytes, start + 8, 2);
  if (bytes[start + 4] !== DASH || bytes[start + 7] !== DASH || bytes[start + 10] !== COMMA) return NOT_PLAIN;
  // A day beyond the 28th is looked up only where it must be: most are not.
  if (!(year >= 1 && month >= 1 && month <= 12 && day >= 1)) return NOT_PLAIN;
  return day <= 28 || isExistingDay(year, month, day) ? start + 11 : NOT_PLAIN;
}

/** The value of `count` digits, or NaN where one of them is none. */
function digits(bytes: Uint8Array, start: number, count: number): number {
  let value = 0;
  for (let at = start; at < start + count; at++) {
    const digit = bytes[at]! - 0x30;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

function skipDigits(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length && bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at++;
  return at;
}
