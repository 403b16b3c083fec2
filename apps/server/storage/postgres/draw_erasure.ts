import { StoreError } from '../../domain/store_errors';
import { type Database } from './database/database';
import { UnknownDrawError } from './stored_rows';

/** The draw is the current one. Nothing was erased. */
export class DrawIsCurrentError extends StoreError {
  readonly code = 'DRAW_CURRENT';
}

/**
 * Erases the bets and the winners of an old draw, in one transaction. Its row, the counts and digests of its agencies and
 * its signed record, which name no person, stay.
 *
 * @returns the number of erased bets.
 * @throws UnknownDrawError
 * @throws DrawIsCurrentError
 * @throws StatementError the role may not delete rows, as that of the servers.
 * @throws OutcomeUnknownError, StoreError
 */
export async function eraseDraw(database: Database, draw: number): Promise<number> {
  return database.transaction(async (transaction) => {
    const [found] = await transaction.query<{ is_current: boolean | null }>(
      'SELECT is_current FROM draws WHERE draw = $1 FOR UPDATE',
      [draw],
    );
    if (found === undefined) throw new UnknownDrawError(`${database.address} has no draw ${draw}`);
    if (found.is_current === true) {
      throw new DrawIsCurrentError(
        `draw ${draw} of ${database.address} is the current one: put it aside (make new-draw)`,
      );
    }
    await transaction.query('DELETE FROM winners WHERE draw = $1', [draw]);
    const [erased] = await transaction.query<{ bets: number }>(
      'WITH erased AS (DELETE FROM bets WHERE draw = $1 RETURNING 1) SELECT count(*) AS bets FROM erased',
      [draw],
    );
    return erased!.bets;
  });
}
