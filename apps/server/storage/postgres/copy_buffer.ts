import { type BetBatch } from '../../../protocol/bet_batch';

const LINE_FEED = 0x0a;
const COMMA = 0x2c;
const ZERO = 0x30;
const INITIAL_BYTES = 65_536;

/** The decimal digits of the largest safe integer. */
const MAX_DIGITS = 16;

/**
 * The input of one COPY (FORMAT csv), row by row: `draw,seq,agency,first_name,last_name,document,birthdate,number`. A
 * stored row begins with its agency, so the prefix of a line is `draw,seq,`; a line begins with a digit, and so is never
 * the end marker `\.`.
 *
 * The memory is kept for the next COPY: `clear` only after the end of the one before. A buffer for each batch would cost
 * more in memory management than the rows themselves.
 */
export class CopyBuffer {
  private bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  private length = 0;

  /** The lines so far, valid until the next call of `add` or `clear`. */
  get lines(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  clear(): void {
    this.length = 0;
  }

  /**
   * Adds the rows of a batch.
   *
   * @param after the number of the agency's bets before the batch.
   */
  add(draw: number, { rows, count }: BetBatch, after: number): void {
    const longestPrefix = 2 * (MAX_DIGITS + 1);
    this.reserve(rows.length + 1 + count * longestPrefix);
    const { bytes } = this;
    let seq = after + 1;
    let end = writePrefix(bytes, this.length, draw, seq);
    for (let index = 0; index < rows.length; index++) {
      const byte = rows[index]!;
      bytes[end++] = byte;
      if (byte === LINE_FEED) end = writePrefix(bytes, end, draw, ++seq);
    }
    bytes[end++] = LINE_FEED;
    this.length = end;
  }

  private reserve(added: number): void {
    const needed = this.length + added;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}

/** Writes `draw,seq,` at `at`. Returns the end of it. */
function writePrefix(target: Uint8Array, at: number, draw: number, seq: number): number {
  return writeNumber(target, writeNumber(target, at, draw), seq);
}

/** Writes the digits of a whole number and a comma. Returns the end of them. */
function writeNumber(target: Uint8Array, at: number, value: number): number {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  let rest = value;
  for (let index = at + digits - 1; index >= at; index--) {
    const next = Math.floor(rest / 10);
    target[index] = ZERO + (rest - 10 * next);
    rest = next;
  }
  target[at + digits] = COMMA;
  return at + digits + 1;
}
