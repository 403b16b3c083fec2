import { StoreDamagedError, StoreError } from '../../domain/store_errors';
import { throwIfStopped } from '../../domain/stop';
import { type Database } from './database/database';

/** No draw is open, or none has the requested number. */
export class UnknownDrawError extends StoreError {
  readonly code = 'DRAW_UNKNOWN';
}

/** Bets of one agency that follow each other, by their sequence numbers. */
export interface SeqRange {
  readonly agency: number;
  readonly first: number;
  readonly last: number;
}

interface StoredCount {
  readonly agency: number;
  readonly stored: number;
  /** The number of its first bets to leave out, 0 by default. */
  readonly after?: number;
}

/** Consecutive rows: each with a line feed behind it. */
export interface RowPage {
  readonly rows: Buffer;
  readonly count: number;
}

/** About a megabyte of rows: one round trip for many of them, and little memory. */
const PAGE_ROWS = 10_000;

/** A field of a row as formatCsvRow writes it. COPY of some databases quotes other fields too. */
const field = (column: string): string =>
  `CASE WHEN strpos(${column}, ',') > 0 OR strpos(${column}, '"') > 0
        THEN '"' || replace(${column}, '"', '""') || '"' ELSE ${column} END`;

/**
 * The rows of some ranges, in the order of the ranges. The ORDER BY of the subquery keeps one search by the primary key for
 * each range. $1: draw, $2 to $4: agencies, first and last sequence numbers.
 */
const READ_PAGE = `
  SELECT b.agency || ',' || ${field('b.first_name')} || ',' || ${field('b.last_name')} || ',' || b.document || ',' ||
         b.birthdate || ',' || b.number AS text
    FROM unnest($2::int[], $3::bigint[], $4::bigint[]) AS r(agency, first_seq, last_seq)
   CROSS JOIN LATERAL (SELECT * FROM bets
                        WHERE draw = $1 AND agency = r.agency AND seq BETWEEN r.first_seq AND r.last_seq
                        ORDER BY seq) b
   ORDER BY b.agency, b.seq`;

/**
 * Reads the bets of a draw in the form of bets.csv, by agency, each agency's in the order of their storage. The pieces have
 * exactly the bets that are committed at the first statement: it reads the agencies' counts, and a committed bet never
 * changes. So no transaction stays open for a slow reader. One page is read ahead.
 *
 * @throws StoreDamagedError bets are missing below an agency's count.
 * @throws StoreStoppedError `stop` has fired.
 * @throws StoreError
 */
export async function* readStoredRows(database: Database, draw: number, stop: AbortSignal): AsyncGenerator<Buffer> {
  const counts = await database.query<StoredCount>(
    'SELECT agency, stored FROM agencies WHERE draw = $1 AND stored > 0 ORDER BY agency',
    [draw],
  );
  for await (const { rows } of readPages(database, draw, counts, stop)) yield rows;
}

/**
 * Reads an agency's bets after the first `after`, up to the number `stored`, as `readStoredRows` does.
 *
 * @throws StoreDamagedError, StoreStoppedError, StoreError
 */
export function readAgencyRows(
  database: Database,
  draw: number,
  range: { readonly agency: number; readonly after: number; readonly stored: number },
  stop: AbortSignal,
): AsyncGenerator<RowPage> {
  return readPages(database, draw, [range], stop);
}

async function* readPages(
  database: Database,
  draw: number,
  counts: readonly StoredCount[],
  stop: AbortSignal,
): AsyncGenerator<RowPage> {
  let ahead: Promise<RowPage> | undefined;
  for (const page of planPages(counts, PAGE_ROWS)) {
    throwIfStopped(stop);
    const current = ahead;
    ahead = readPage(database, draw, page);
    // Its error is thrown with its page, or dropped with the pages of a reader that is gone.
    ahead.catch(() => {});
    if (current !== undefined) yield await current;
  }
  if (ahead !== undefined) yield await ahead;
}

/** Divides the bets of the agencies into pages of at most `limit` rows. */
export function* planPages(counts: Iterable<StoredCount>, limit: number): Generator<readonly SeqRange[]> {
  let page: SeqRange[] = [];
  let room = limit;
  for (const { agency, stored, after = 0 } of counts) {
    for (let first = after + 1; first <= stored;) {
      const last = Math.min(stored, first + room - 1);
      page.push({ agency, first, last });
      room -= last - first + 1;
      first = last + 1;
      if (room > 0) continue;
      yield page;
      page = [];
      room = limit;
    }
  }
  if (page.length > 0) yield page;
}

/**
 * The number of the current draw, or of a named one.
 *
 * @throws UnknownDrawError
 */
export async function findDraw(database: Database, named: number | undefined): Promise<number> {
  if (named === undefined) {
    const [current] = await database.query<{ draw: number }>('SELECT draw FROM draws WHERE is_current');
    if (current !== undefined) return current.draw;
    throw new UnknownDrawError(`no draw is open in ${database.address}: --draw N (make: DRAW=N) names an older one`);
  }
  const [found] = await database.query<{ draw: number }>('SELECT draw FROM draws WHERE draw = $1', [named]);
  if (found !== undefined) return named;
  throw new UnknownDrawError(`${database.address} has no draw ${named}`);
}

async function readPage(database: Database, draw: number, ranges: readonly SeqRange[]): Promise<RowPage> {
  const rows = await database.query<{ text: string }>(READ_PAGE, [
    draw,
    ranges.map(({ agency }) => agency),
    ranges.map(({ first }) => first),
    ranges.map(({ last }) => last),
  ]);
  const expected = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  if (rows.length !== expected) {
    const place = `draw ${draw}, agencies ${ranges[0]!.agency} to ${ranges.at(-1)!.agency}`;
    throw new StoreDamagedError(`${database.address}: ${expected - rows.length} bets are missing (${place})`);
  }
  let text = '';
  for (const row of rows) text += `${row.text}\n`;
  return { rows: Buffer.from(text, 'utf8'), count: rows.length };
}
