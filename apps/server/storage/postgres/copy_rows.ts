import { type BetBatch } from '../../../protocol/bet_batch';

const LINE_FEED = 0x0a;
const ZERO = 0x30;
const NINE = 0x39;

/**
 * The rows of a batch as input of COPY (FORMAT csv): `draw,seq,agency,first_name,last_name,document,birthdate,number`,
 * one a line. A stored row begins with its agency, so the prefix of a line is `draw,seq,`; a line begins with a digit,
 * and so is never the end marker `\.`.
 *
 * @param after the number of the agency's bets before the batch.
 */
export function formatCopyRows(draw: number, { rows, count }: BetBatch, after: number): Uint8Array {
  const longestPrefix = `${draw},${after + count},`.length;
  const target = Buffer.allocUnsafe(rows.length + 1 + count * longestPrefix);
  const prefix = new RowPrefix(draw, after + 1);
  let end = 0;
  for (let start = 0; start < rows.length;) {
    const found = rows.indexOf(LINE_FEED, start);
    const rowEnd = found === -1 ? rows.length : found;
    end = prefix.write(target, end);
    target.set(rows.subarray(start, rowEnd), end);
    end += rowEnd - start;
    target[end++] = LINE_FEED;
    prefix.advance();
    start = rowEnd + 1;
  }
  return target.subarray(0, end);
}

/** The bytes `draw,seq,` with a sequence number that is incremented in place. */
class RowPrefix {
  private bytes: Uint8Array;
  private readonly digitsStart: number;

  constructor(draw: number, seq: number) {
    this.bytes = Buffer.from(`${draw},${seq},`, 'latin1');
    this.digitsStart = String(draw).length + 1;
  }

  /** Writes the prefix at `at`; returns the end of it. */
  write(target: Uint8Array, at: number): number {
    for (let index = 0; index < this.bytes.length; index++) target[at + index] = this.bytes[index]!;
    return at + this.bytes.length;
  }

  advance(): void {
    let at = this.bytes.length - 2;
    while (at >= this.digitsStart && this.bytes[at] === NINE) this.bytes[at--] = ZERO;
    if (at >= this.digitsStart) {
      this.bytes[at]!++;
      return;
    }
    // All digits were nines: one more digit.
    const before = Buffer.from(this.bytes);
    this.bytes = Buffer.concat([before.subarray(0, at + 1), Buffer.from('1'), before.subarray(at + 1)]);
  }
}
