import { type BetBatch, betsOf } from '../../../protocol/bet_batch';

/** A winning bet of a batch. */
export interface WinningBet {
  readonly agency: number;
  /** The sequence number among the agency's bets: 1, 2, 3 … */
  readonly seq: number;
  readonly document: string;
}

const LINE_FEED = Buffer.from('\n');
const MAX_DIGITS = 4;

/**
 * Finds the bets with the winning number when they are stored, so that the draw needs no search. A bet wins by the
 * value of its number: `42`, `042` and `0042` are the same.
 */
export class WinningBets {
  /** The possible ends of a winning row: `,42`, `,042`, `,0042`. */
  private readonly rowEnds: readonly Buffer[];
  private readonly lines: readonly Buffer[];

  constructor(private readonly winningNumber: number) {
    const spellings: string[] = [];
    for (let length = String(winningNumber).length; length <= MAX_DIGITS; length++) {
      spellings.push(String(winningNumber).padStart(length, '0'));
    }
    this.rowEnds = spellings.map((spelling) => Buffer.from(`,${spelling}`));
    this.lines = this.rowEnds.map((end) => Buffer.concat([end, LINE_FEED]));
  }

  /** @param after the number of the agency's bets before the batch. */
  of(batch: BetBatch, after: number): readonly WinningBet[] {
    if (!this.mayContain(batch.rows)) return [];
    const found: WinningBet[] = [];
    let seq = after;
    for (const { document, number } of betsOf(batch)) {
      seq++;
      if (Number(number) === this.winningNumber) found.push({ agency: batch.agency, seq, document });
    }
    return found;
  }

  /** A fast search of the bytes. The number is the last field of a row and has digits only. */
  private mayContain(rows: Uint8Array): boolean {
    const bytes = Buffer.from(rows.buffer, rows.byteOffset, rows.byteLength);
    return (
      this.lines.some((line) => bytes.includes(line)) ||
      this.rowEnds.some((end) => bytes.subarray(-end.length).equals(end))
    );
  }
}
