const LINE_FEED = 0x0a;
const ZERO = 0x30;
const NINE = 0x39;

/**
 * The places of the winning rows among rows in their stored form, from 1 on. The number is the last field of a row and
 * never quoted, and it wins by its value: `42`, `042` and `0042` are the same. No row is parsed.
 *
 * @param rows separated by `\n`, without a line feed at the end.
 */
export function winningRowsOf(rows: Uint8Array, number: number): readonly number[] {
  const found: number[] = [];
  for (let at = 0, place = 1; at < rows.length; place++) {
    const lineFeed = rows.indexOf(LINE_FEED, at);
    const end = lineFeed === -1 ? rows.length : lineFeed;
    if (lastNumber(rows, end) === number) found.push(place);
    at = end + 1;
  }
  return found;
}

/** The value of the digits before `end`. */
function lastNumber(rows: Uint8Array, end: number): number {
  let value = 0;
  let at = end - 1;
  for (let weight = 1; at >= 0 && rows[at]! >= ZERO && rows[at]! <= NINE; at--, weight *= 10) {
    value += (rows[at]! - ZERO) * weight;
  }
  return value;
}
