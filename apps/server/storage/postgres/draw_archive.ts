import { StoreInUseError } from '../../domain/store_errors';
import { type Database } from './database/database';
import { type Transaction } from './database/transaction';

/** A draw that was put aside, as of that moment. */
export interface ArchivedDraw {
  readonly draw: number;
  readonly isHeld: boolean;
  /** The number of agencies that have finished, and of all. */
  readonly finished: number;
  readonly agencies: number;
  readonly bets: number;
}

interface CurrentDraw {
  readonly draw: number;
  readonly is_held: boolean;
  readonly finished: number;
  readonly agencies: number;
}

/** No claim and no finish of another server is committed between this lock and the end of the transaction. */
const LOCK_CURRENT = `
  SELECT draw, held_at IS NOT NULL AS is_held, finished, agencies FROM draws WHERE is_current FOR UPDATE`;

/** The servers with a sign of life in the last 5 s, by the clock of the database. */
const LIVE_SERVERS = `
  SELECT name FROM servers WHERE seen_at > clock_timestamp() - INTERVAL '5 seconds' ORDER BY name`;

/** Ends the claims of a server that is no more seen. The locks are taken in the order of a commit of bets. $1: draw. */
const END_CLAIMS = `
  WITH locked AS (SELECT draw, agency FROM agencies WHERE draw = $1 ORDER BY agency FOR UPDATE)
  UPDATE agencies a SET epoch = a.epoch + 1 FROM locked l WHERE a.draw = l.draw AND a.agency = l.agency`;

/**
 * Puts the current draw aside, so that the next server begins a new one with its settings. Everything of the draw is
 * kept. A server that is not seen, because its heartbeat fails, can store nothing more in it.
 *
 * @returns undefined if no draw is current.
 * @throws StoreInUseError servers live.
 * @throws OutcomeUnknownError, StoreError
 */
export async function archiveDraw(database: Database): Promise<ArchivedDraw | undefined> {
  return database.transaction(async (transaction) => {
    const [current] = await transaction.query<CurrentDraw>(LOCK_CURRENT);
    if (current === undefined) return undefined;
    await requireNoServers(transaction, database.address);
    const { draw, is_held: isHeld, finished, agencies } = current;
    await transaction.query(END_CLAIMS, [draw]);
    await transaction.query('UPDATE draws SET is_current = NULL WHERE draw = $1', [draw]);
    const [stored] = await transaction.query<{ bets: number }>(
      'SELECT coalesce(sum(stored), 0)::bigint AS bets FROM agencies WHERE draw = $1',
      [draw],
    );
    return { draw, isHeld, finished, agencies, bets: stored!.bets };
  });
}

async function requireNoServers(transaction: Transaction, address: string): Promise<void> {
  const servers = await transaction.query<{ name: string }>(LIVE_SERVERS);
  if (servers.length === 0) return;
  const names = servers.map(({ name }) => name).join(', ');
  throw new StoreInUseError(`${address} is in use by ${names} (seen within the last 5 s): stop the servers first`);
}
