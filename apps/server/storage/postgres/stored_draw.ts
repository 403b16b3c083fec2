import { type StoredDraw } from '../../domain/stored_draw';
import { type Database } from './database/database';
import { readEvidence } from './postgres_draw_record';
import { readFinishes } from './postgres_finish_tracker';
import { readStoredRows } from './stored_rows';

interface DrawRow {
  readonly winning_number: number;
  readonly agencies: number;
  readonly is_held: boolean;
}

/** Reads a draw of the database. */
export async function readStoredDraw(database: Database, draw: number, stop: AbortSignal): Promise<StoredDraw> {
  const [row] = await database.query<DrawRow>(
    'SELECT winning_number, agencies, held_at IS NOT NULL AS is_held FROM draws WHERE draw = $1',
    [draw],
  );
  const winners = await database.query<{ agency: number; rows: number[] }>(
    'SELECT agency, array_agg(seq::int ORDER BY seq) AS rows FROM winners WHERE draw = $1 GROUP BY agency',
    [draw],
  );
  return {
    terms: row?.is_held === true ? { number: row.winning_number, agencies: row.agencies } : undefined,
    finishes: await readFinishes(database, draw),
    evidence: await readEvidence(database, draw),
    winners: new Map(winners.map(({ agency, rows }) => [agency, rows])),
    readRows: () => readStoredRows(database, draw, stop),
  };
}
