import { type Transaction } from './database/transaction';
import { type WinningBet } from './winning_bets';

/** Its data are the lines of a `CopyBuffer`. */
export const COPY_BETS = `
  COPY bets (draw, seq, agency, first_name, last_name, document, birthdate, number) FROM STDIN (FORMAT csv)`;

/** $1: draw, $2 to $4: agencies, sequence numbers, documents. */
const ADD_WINNERS = `
  INSERT INTO winners (draw, agency, seq, document)
  SELECT $1, t.agency, t.seq, t.document FROM unnest($2::int[], $3::bigint[], $4::text[]) AS t(agency, seq, document)`;

/** Adds winning bets to those of a draw. */
export async function addWinners(
  transaction: Transaction,
  draw: number,
  winners: readonly WinningBet[],
): Promise<void> {
  await transaction.query(ADD_WINNERS, [
    draw,
    winners.map(({ agency }) => agency),
    winners.map(({ seq }) => seq),
    winners.map(({ document }) => document),
  ]);
}
