import { type StoreContent } from '../../domain/store_content';
import { StoreDamagedError, StoreError } from '../../domain/store_errors';
import { type AgencyRun, AgencyRuns } from '../agency_runs';
import { addWinners, COPY_BETS } from './bet_statements';
import { CopyBuffer } from './copy_buffer';
import { type Database } from './database/database';
import { type Transaction } from './database/transaction';
import { type WinningBet, WinningBets } from './winning_bets';

/** The database has draws or bets already. Nothing was stored. */
export class StoreNotEmptyError extends StoreError {
  readonly code = 'STORE_NOT_EMPTY';
}

/** The number of the imported draw: the first one of the database. */
const DRAW = 1;

const IS_TAKEN = `
  SELECT EXISTS (SELECT 1 FROM draws) OR EXISTS (SELECT 1 FROM agencies) OR EXISTS (SELECT 1 FROM bets)
      OR EXISTS (SELECT 1 FROM winners) AS is_taken`;

/**
 * The primary key makes a server or another import that begins a draw now wait for the end of this transaction.
 * $1: draw, $2 and $3: the terms, $4: finished agencies, $5: whether it was held.
 */
const ADD_DRAW = `
  INSERT INTO draws (draw, winning_number, agencies, is_current, finished, held_at)
  VALUES ($1, $2, $3, true, $4, CASE WHEN $5::boolean THEN now() END)
  ON CONFLICT DO NOTHING RETURNING draw`;

/** $1: draw, $2 to $5: agencies, counts, whether each has finished, the digests at the finish. */
const ADD_AGENCIES = `
  INSERT INTO agencies (draw, agency, epoch, stored, finished_with, finish_digest)
  SELECT $1, t.agency, 1, t.stored, CASE WHEN t.has_finished THEN t.stored END, t.digest
    FROM unnest($2::int[], $3::bigint[], $4::boolean[], $5::text[]) AS t(agency, stored, has_finished, digest)`;

/** $1: draw, $2: the signed record. */
const ADD_EVIDENCE = 'INSERT INTO draw_evidence (draw, record) VALUES ($1, $2)';

/**
 * Stores the content of another store in an empty database: its draw, which becomes the current one, its agencies with
 * their finishes, all bets with the sequence numbers of their agencies, and the winning bets. One transaction holds it all,
 * so any failure leaves the database empty. Memory does not grow with the number of bets.
 *
 * @param onProgress receives the number of bets that were sent so far.
 * @throws StoreNotEmptyError the database has draws or bets.
 * @throws StoreDamagedError the rows are not those of the counts.
 * @throws StoreStoppedError `stop` has fired.
 * @throws OutcomeUnknownError the response to the COMMIT was lost: everything is stored, or nothing.
 * @throws StoreError
 */
export async function importStore(
  database: Database,
  content: StoreContent,
  stop: AbortSignal,
  onProgress: (bets: number) => void = () => {},
): Promise<void> {
  await database.transaction(async (transaction) => {
    await addDraw(transaction, database, content);
    await addAgencies(transaction, content);
    const evidence = await content.readEvidence();
    if (evidence !== undefined) await transaction.query(ADD_EVIDENCE, [DRAW, evidence]);
    await addBets(transaction, content, stop, onProgress);
  });
}

async function addDraw(transaction: Transaction, { address }: Database, content: StoreContent): Promise<void> {
  const { terms, finishes, isHeld } = content;
  const [target] = await transaction.query<{ is_taken: boolean }>(IS_TAKEN);
  const fields = [DRAW, terms.number, terms.agencies, finishes.size, isHeld];
  const added = target?.is_taken === true ? [] : await transaction.query(ADD_DRAW, fields);
  if (added.length > 0) return;
  throw new StoreNotEmptyError(`the database ${address} is not empty: it has draws or bets already`);
}

async function addAgencies(transaction: Transaction, { counts, finishes }: StoreContent): Promise<void> {
  const agencies = Array.from(new Set([...counts.keys(), ...finishes.keys()]));
  await transaction.query(ADD_AGENCIES, [
    DRAW,
    agencies,
    agencies.map((agency) => counts.get(agency) ?? 0),
    agencies.map((agency) => finishes.has(agency)),
    agencies.map((agency) => finishes.get(agency)?.digest ?? null),
  ]);
}

/** Sends one piece of rows while the next one is read and formatted. */
async function addBets(
  transaction: Transaction,
  content: StoreContent,
  stop: AbortSignal,
  onProgress: (bets: number) => void,
): Promise<void> {
  const runs = new AgencyRuns();
  const winningBets = new WinningBets(content.terms.number);
  let [filling, sent] = [new CopyBuffer(), new CopyBuffer()];
  let sending: Promise<number> = Promise.resolve(0);
  try {
    for await (const piece of content.readRows(stop)) {
      const taken = runs.take(piece);
      for (const { batch, after } of taken) filling.add(DRAW, batch, after);
      const winners = taken.flatMap(({ batch, after }) => winningBets.of(batch, after));
      const total = await sending;
      onProgress(total);
      [filling, sent] = [sent, filling];
      filling.clear();
      sending = sendBets(transaction, sent.lines, winners, total + countOf(taken));
      // Its error is thrown with the next piece. Until then it must not count as unhandled.
      sending.catch(() => {});
    }
    onProgress(await sending);
  } finally {
    // No statement may be under way at the end of the transaction.
    await sending.catch(() => {});
  }
  runs.requireComplete();
  requireSameCounts(content.counts, runs.counts);
}

/** Returns `total`, the number of bets behind this piece. */
async function sendBets(
  transaction: Transaction,
  lines: Uint8Array,
  winners: readonly WinningBet[],
  total: number,
): Promise<number> {
  if (lines.length > 0) await transaction.copyFrom(COPY_BETS, [lines]);
  if (winners.length > 0) await addWinners(transaction, DRAW, winners);
  return total;
}

function countOf(runs: readonly AgencyRun[]): number {
  return runs.reduce((sum, { batch }) => sum + batch.count, 0);
}

function requireSameCounts(expected: ReadonlyMap<number, number>, read: ReadonlyMap<number, number>): void {
  for (const agency of new Set([...expected.keys(), ...read.keys()])) {
    const [stored, found] = [expected.get(agency) ?? 0, read.get(agency) ?? 0];
    if (stored === found) continue;
    throw new StoreDamagedError(`agency ${agency} has ${stored} bets by the journal, and ${found} in bets.csv`);
  }
}
