import { inject, injectable } from 'inversify';
import { type DrawRecord, type DrawTerms } from '../../domain/draw_record';
import { StoreConflictError } from '../../domain/store_errors';
import { TOKENS } from '../../tokens';
import { type Database } from './database/database';
import { type OpenDraw } from './open_draw';

/**
 * $1: draw, $2 and $3: the terms. The condition on `held_at` holds for one of several servers; it and `finished` are
 * read under the lock on the row.
 */
const HOLD = `
  UPDATE draws SET held_at = now()
   WHERE draw = $1 AND winning_number = $2 AND agencies = $3 AND finished = agencies AND held_at IS NULL
     AND is_current`;

/** Records the draw in its row: the database accepts the first of several servers. */
@injectable()
export class PostgresDrawRecord implements DrawRecord {
  constructor(
    @inject(TOKENS.Database) private readonly database: Database,
    @inject(TOKENS.OpenDraw) private readonly draw: OpenDraw,
  ) {}

  async record({ number, agencies }: DrawTerms): Promise<void> {
    const isHeld = await this.database.transaction(async (transaction) => {
      await transaction.query(HOLD, [this.draw.id, number, agencies]);
      const [row] = await transaction.query<{ is_held: boolean }>(
        'SELECT held_at IS NOT NULL AS is_held FROM draws WHERE draw = $1',
        [this.draw.id],
      );
      return row?.is_held === true;
    });
    if (!isHeld)
      throw new StoreConflictError(
        'the draw cannot be held: the database has other terms, fewer finishes, or a newer draw',
      );
  }

  async readEvidence(): Promise<string | undefined> {
    return readEvidence(this.database, this.draw.id);
  }

  /** Of several servers the first one writes it. Those with the same key have the same text. */
  async writeEvidence(text: string): Promise<void> {
    await this.database.write('INSERT INTO draw_evidence (draw, record) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      this.draw.id,
      text,
    ]);
  }
}

/** The evidence of a draw, or undefined without one. */
export async function readEvidence(database: Database, draw: number): Promise<string | undefined> {
  const [row] = await database.query<{ record: string }>('SELECT record FROM draw_evidence WHERE draw = $1', [draw]);
  return row?.record;
}
