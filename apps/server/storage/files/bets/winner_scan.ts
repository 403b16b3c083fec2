import { readCsvRow } from '../../../../protocol/csv_row';
import { MSG_MAX_LENGTH } from '../../../../protocol/messages';
import { type Winner } from '../../../domain/bet_repository';
import { READ_PIECE, readRange, type StoreFile } from '../disk/file_system';

const LINE_FEED = 0x0a;
const NUMBER_MAX_DIGITS = 4;

/**
 * Finds the winning bets among the first `end` bytes of bets.csv. It reads the file in pieces and holds one piece at a
 * time.
 *
 * The number is the last field and never quoted, and no field contains a line break. So a winning row ends with
 * `,NUMBER\n` in one of its spellings (42 is also 042 and 0042). The scan searches for these bytes and parses only the
 * rows found, which is far faster than parsing all rows.
 *
 * @throws StoreStoppedError `stop` has fired.
 */
export async function* scanWinners(
  bets: StoreFile,
  end: number,
  number: number,
  stop: AbortSignal,
): AsyncGenerator<Winner> {
  const endings = spellings(number).map((text) => Buffer.from(`,${text}\n`));
  // One buffer for all pieces. Each piece follows the partial row at the end of the previous one.
  const bytes = Buffer.allocUnsafe(READ_PIECE + MSG_MAX_LENGTH);
  let filled = 0;
  for await (const piece of readRange(bets, 0, end, stop)) {
    filled += piece.copy(bytes, filled);
    const rowsEnd = bytes.subarray(0, filled).lastIndexOf(LINE_FEED) + 1;
    for (const rowEnd of findAll(bytes.subarray(0, rowsEnd), endings)) yield winnerOf(bytes, rowEnd);
    bytes.copyWithin(0, rowsEnd, filled);
    filled -= rowsEnd;
  }
}

function spellings(number: number): string[] {
  const shortest = String(number);
  const texts = [];
  for (let digits = shortest.length; digits <= NUMBER_MAX_DIGITS; digits++) texts.push(shortest.padStart(digits, '0'));
  return texts;
}

/** The offsets of the line feeds at the end of each match, in ascending order. */
function findAll(bytes: Buffer, endings: readonly Buffer[]): number[] {
  const found: number[] = [];
  for (const ending of endings) {
    for (let at = bytes.indexOf(ending); at !== -1; at = bytes.indexOf(ending, at + ending.length)) {
      found.push(at + ending.length - 1);
    }
  }
  return found.sort((left, right) => left - right);
}

function winnerOf(bytes: Buffer, rowEnd: number): Winner {
  const rowStart = bytes.lastIndexOf(LINE_FEED, rowEnd - 1) + 1;
  const row = bytes.toString('utf8', rowStart, rowEnd);
  // A stored row without a quote consists of fields and commas only.
  const fields = row.includes('"') ? readCsvRow(row, 0).fields : row.split(',');
  return { agency: Number(fields[0]), document: fields[3]! };
}
