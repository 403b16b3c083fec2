import { type BetBatch } from '../../protocol/bet_batch';
import { RowsHash } from '../../protocol/rows_hash';
import { winningRowsOf } from '../../protocol/winning_rows';
import { type AgencyStatement } from './signed_draw';

interface Found {
  readonly hash: RowsHash;
  readonly winners: number[];
}

/** The bets found by an audit, in the form of the record of a draw: count, digest and winning rows of each agency. */
export class FoundBets {
  private readonly found = new Map<number, Found>();

  constructor(private readonly winningNumber: number) {}

  /** Adds rows. Those of an agency follow each other in their order. */
  add({ agency, rows, count }: BetBatch): void {
    const { hash, winners } = this.of(agency);
    for (const place of winningRowsOf(rows, this.winningNumber)) winners.push(hash.count + place);
    hash.add(rows, count);
  }

  /** The agencies with bets. */
  get agencies(): Iterable<number> {
    return this.found.keys();
  }

  stateOf(agency: number): AgencyStatement {
    const { hash, winners } = this.of(agency);
    const { count, digest } = hash.digest;
    return { agency, bets: count, digest, winners };
  }

  private of(agency: number): Found {
    const known = this.found.get(agency) ?? { hash: new RowsHash(), winners: [] };
    this.found.set(agency, known);
    return known;
  }
}
