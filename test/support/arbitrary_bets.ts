import fc from 'fast-check';
import { type Bet, findFaultInBet } from '../../apps/protocol/bet';

/** Parts of names with a meaning in CSV, in COPY, in SQL or in Unicode. */
const PARTS = [
  '"',
  '""',
  ',',
  '\\',
  '\\.',
  '\\N',
  '\\n',
  "'",
  "''",
  ' ',
  '  ',
  'NULL',
  '$1',
  ';',
  '--',
  '%',
  '\u00a0',
  '\u2028',
  '\ufeff',
  '\u200d',
  'e\u0301',
  'Ñandú',
  '王',
  '😀',
  '\ufffd',
  '\uffff',
  'a',
  '0',
];

const name = fc
  .array(fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...PARTS) }, fc.string({ unit: 'grapheme', maxLength: 3 })), {
    minLength: 1,
    maxLength: 6,
  })
  .map((parts) => parts.join(''));

/** Valid bets with names that a quoting may get wrong. */
export const arbitraryBet: fc.Arbitrary<Bet> = fc
  .record({
    firstName: name,
    lastName: name,
    document: fc.integer({ min: 0, max: 999_999_999_999 }).map(String),
    birthdate: fc.constantFrom('1999-03-17', '2000-02-29', '0001-01-01'),
    number: fc.constantFrom('42', '042', '0042', '0', '0000', '7574'),
  })
  .filter((bet) => findFaultInBet(bet) === undefined);
