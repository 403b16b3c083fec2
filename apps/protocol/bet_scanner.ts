/**
 * The fast path of reading bets (docs/decisions/0013). Nearly every row of a real file is plain, without quotes. This
 * file checks such a row in place, byte by byte, without strings or objects. All other rows go to the slow path
 * (`bet_batch.ts`), which accepts or rejects them with a reason. Both paths agree: the slow path accepts every plain
 * row and stores the same bytes. A property test verifies this.
 *
 * The scanner works on single bytes. The caller checks that the whole is UTF-8.
 */

import { isExistingDay } from './bet';

const COMMA = 0x2c;
const QUOTE = 0x22;
const DASH = 0x2d;
const DELETE = 0x7f;
/** The lead byte of U+0080 to U+00BF in UTF-8: control characters, then the no-break space, and letters such as `ª`. */
const LATIN_1_LEAD = 0xc2;
const LATIN_1_FIRST_PRINTED = 0xa0;
/** The lowest lead byte of the characters from U+1000 on in UTF-8. White space is among them. */
const HIGH_LEAD = 0xe1;
/** The limit in characters, applied to bytes. The slow path counts the characters of longer names. */
const PLAIN_NAME_MAX_BYTES = 100;
const DOCUMENT_MAX_DIGITS = 12;
const NUMBER_MAX_DIGITS = 4;

/**
 * The class of each byte in a plain name. `LATIN_1_LEAD` is checked together with the next byte. One table lookup is
 * twice as fast as the comparisons.
 */
const ENDS_NAME = 0;
const INSIDE_NAME = 1;
/** A byte of a visible character. A name needs at least one; this path requires it at the beginning. */
const BEGINS_NAME = 2;
const NAME_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => kindOfNameByte(byte));

function kindOfNameByte(byte: number): number {
  if (byte < 0x20 || [COMMA, QUOTE, DELETE, LATIN_1_LEAD].includes(byte)) return ENDS_NAME;
  const isSeen = (byte > 0x20 && byte < 0x80) || (byte > LATIN_1_LEAD && byte < HIGH_LEAD);
  return isSeen ? BEGINS_NAME : INSIDE_NAME;
}

/** The result of the scanning functions for a row that is not plain. */
export const NOT_PLAIN = -1;

/**
 * Scans `first_name,last_name,document,birthdate,number` from offset `start`.
 *
 * @returns the offset behind the number's last digit, or `NOT_PLAIN`. The caller checks the byte at that offset.
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

/** Scans a name and its comma. Returns the offset behind the comma. */
function scanName(bytes: Uint8Array, start: number): number {
  if (start >= bytes.length || NAME_BYTES[bytes[start]!] !== BEGINS_NAME) return NOT_PLAIN;
  let at = skipNameBytes(bytes, start + 1);
  while (at + 1 < bytes.length && bytes[at] === LATIN_1_LEAD && bytes[at + 1]! >= LATIN_1_FIRST_PRINTED) {
    at = skipNameBytes(bytes, at + 2);
  }
  const isWhole = at < bytes.length && bytes[at] === COMMA && at - start <= PLAIN_NAME_MAX_BYTES;
  return isWhole ? at + 1 : NOT_PLAIN;
}

/** The first offset from `at` on with a byte that may end the name. */
function skipNameBytes(bytes: Uint8Array, at: number): number {
  let end = at;
  while (end < bytes.length && NAME_BYTES[bytes[end]!] !== ENDS_NAME) end++;
  return end;
}

/** Scans `YYYY-MM-DD,` with an existing day. Returns the offset behind the comma. */
function scanBirthdate(bytes: Uint8Array, start: number): number {
  const end = start + 11;
  if (end > bytes.length) return NOT_PLAIN;
  if (bytes[start + 4] !== DASH || bytes[start + 7] !== DASH || bytes[end - 1] !== COMMA) return NOT_PLAIN;
  const century = twoDigits(bytes, start);
  const yearOfCentury = twoDigits(bytes, start + 2);
  const month = twoDigits(bytes, start + 5);
  const day = twoDigits(bytes, start + 8);
  const year = century * 100 + yearOfCentury;
  if (century < 0 || yearOfCentury < 0 || year < 1 || month < 1 || month > 12 || day < 1) return NOT_PLAIN;
  // Only days beyond the 28th need a lookup.
  return day <= 28 || isExistingDay(year, month, day) ? end : NOT_PLAIN;
}

/** The value of the two digits at `at`, or -1 if one is no digit. */
function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - 0x30;
  const ones = bytes[at + 1]! - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}

function skipDigits(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length && bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at++;
  return at;
}
