import { storedRow, winnersAmong, type BetFields } from '../../support/generated_bets';
import { type AgencyRecord } from './oracle';
import { type PostgresNode } from './postgres_node';
import { BrokenPromiseError } from './recording_agency';

interface StoredAgency {
  readonly agency: number;
  readonly stored: string;
  readonly finished_with: string | null;
  readonly bets: readonly (readonly [seq: number, ...BetFields])[];
}

/** One statement, so that all of it is one state of the database. */
const STORED = `
  SELECT agency, stored, finished_with, coalesce(
    (SELECT json_agg(json_build_array(seq, first_name, last_name, document, birthdate, number) ORDER BY seq)
       FROM bets b WHERE b.draw = a.draw AND b.agency = a.agency), '[]') AS bets
  FROM agencies a WHERE draw = (SELECT draw FROM draws WHERE is_current) ORDER BY agency`;

/**
 * The bets of the current draw as bets.csv has them, each agency's in order.
 *
 * @throws BrokenPromiseError the bets of an agency are not numbered from 1 without a gap, or their count is not the
 *   stored one.
 */
export async function storedBets(node: PostgresNode, database: string): Promise<Buffer> {
  const agencies = await node.query<StoredAgency>(STORED, [], database);
  for (const { agency, stored, bets } of agencies) {
    const gap = bets.findIndex(([seq], index) => seq !== index + 1);
    if (gap !== -1) throw new BrokenPromiseError(`agency ${agency}: bet ${bets[gap]![0]} is in place ${gap + 1}`);
    if (bets.length !== Number(stored)) {
      throw new BrokenPromiseError(`agency ${agency}: ${bets.length} bets, and a count of ${stored}`);
    }
  }
  const rows = agencies.flatMap(({ agency, bets }) => bets.map(([, ...bet]) => `${storedRow(agency, bet)}\n`));
  return Buffer.from(rows.join(''));
}

/** Makes the database record each time when a draw becomes a held one. */
export const AUDIT_OF_DRAWS = `
  CREATE TABLE held_draws (draw integer, held_at timestamptz);
  CREATE FUNCTION record_held_draw() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN INSERT INTO public.held_draws VALUES (NEW.draw, NEW.held_at); RETURN NULL; END $$;
  CREATE TRIGGER record_held_draw AFTER UPDATE OF held_at ON draws FOR EACH ROW EXECUTE FUNCTION record_held_draw();`;

/** The draw was held exactly once, with the winners of all files, and each agency has finished with its whole file. */
export async function requireDrawHeldOnce(
  node: PostgresNode,
  database: string,
  agencies: readonly AgencyRecord[],
): Promise<void> {
  const held = await node.query<{ held_at: Date | null }>('SELECT held_at FROM held_draws', [], database);
  if (held.length !== 1) throw new BrokenPromiseError(`the draw was held ${held.length} times`);
  const finished = await node.query<{ agency: number; finished_with: string }>(
    'SELECT agency, finished_with FROM agencies ORDER BY agency',
    [],
    database,
  );
  requireEqual(
    'the finishes',
    finished.map((row) => `${row.agency}: ${row.finished_with}`),
    agencies.map(({ id, bets }) => `${id}: ${bets.length}`),
  );
  const winners = await node.query<{ agency: number; document: string }>(
    'SELECT agency, document FROM winners ORDER BY agency, seq',
    [],
    database,
  );
  requireEqual(
    'the winners',
    winners.map(({ agency, document }) => `${agency}: ${document}`),
    agencies.flatMap(({ id, bets }) => winnersAmong(bets).map((document) => `${id}: ${document}`)),
  );
}

function requireEqual(what: string, actual: readonly string[], expected: readonly string[]): void {
  if (actual.join() !== expected.join()) {
    throw new BrokenPromiseError(`${what} are ${actual.join()}, not ${expected.join()}`);
  }
}
