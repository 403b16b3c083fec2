/** Generated bets for tests, the same in each run. */

/** A row of an agency's file, with unquoted fields. */
export type BetFields = readonly [firstName: string, lastName: string, document: string, date: string, number: string];

const NAMES = [
  'Ana',
  'José María',
  'Ñandú',
  'Łucja',
  '王小明',
  "O'Higgins",
  'de la Cruz',
  '😀 Joy',
  'Pérez, hija',
  'Li "Lilo"',
];

/** Numbers from 0 up to (not including) `limit`, by xorshift32 (Marsaglia, 2003). */
function createNumbers(seed: number): (limit: number) => number {
  let state = seed + 0x9e3779b9;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** `count` bets of an agency; about one in `oneWinsOf` has the number 7574, in one of its spellings of four digits. */
export function generateBets(agency: number, count: number, oneWinsOf = 500): BetFields[] {
  const next = createNumbers(agency * 7919);
  return Array.from({ length: count }, (_, index) => [
    NAMES[next(NAMES.length)]!,
    NAMES[next(NAMES.length)]!,
    String(20_000_000 + agency * 1_000_000 + index),
    `${1930 + next(80)}-${twoDigits(1 + next(12))}-${twoDigits(1 + next(28))}`,
    next(oneWinsOf) === 0 ? '7574' : String(next(7000)),
  ]);
}

/** The text of an agency's file, with rows ended by `end`. */
export function formatBets(bets: readonly BetFields[], end = '\n'): string {
  return bets.map((bet) => `${formatRow(bet)}${end}`).join('');
}

/** The row of a bet in bets.csv. */
export function storedRow(agency: number, bet: BetFields): string {
  return `${agency},${formatRow(bet)}`;
}

/** The rows of all these bets by agency, sorted, as `LotterySandbox.storedRows` gives them. */
export function storedRowsOf(files: ReadonlyMap<number, readonly BetFields[]>): string[] {
  return Array.from(files, ([agency, bets]) => bets.map((bet) => storedRow(agency, bet)))
    .flat()
    .sort();
}

/** The documents of the winners, in the order of the bets. */
export function winnersAmong(bets: readonly BetFields[], number = 7574): string[] {
  return bets.filter((bet) => Number(bet[4]) === number).map((bet) => bet[2]);
}

function formatRow(fields: readonly string[]): string {
  return fields.map((field) => (/[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',');
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
