import { type KeyObject } from 'node:crypto';
import { CodedError } from '../../runtime/coded_error';
import { type StoredDraw } from '../domain/stored_draw';
import { type FoundBets } from './found_bets';
import { type AgencyStatement, type DrawStatement, isSignedBy, type SignedDraw } from './signed_draw';

/** Something differs from the signed record of the draw, or the record from its signature. The message lists the differences. */
export class DrawMismatchError extends CodedError {
  readonly code = 'DRAW_MISMATCH';
}

/** The differences in one line; the rest is counted. */
const MAX_LISTED = 5;

/** @throws DrawMismatchError the signature is not that of the key's owner. */
export function requireSignature(signed: SignedDraw, key: KeyObject): void {
  if (isSignedBy(signed, key)) return;
  throw new DrawMismatchError(
    'the signature is not of this key: the record was changed or forged, or the key is another',
  );
}

/**
 * Compares an agency's bets with the record.
 *
 * @throws DrawMismatchError
 */
export function requireAgencyBets({ agencies }: DrawStatement, found: AgencyStatement): void {
  throwIfAny(
    agencyDifferences(
      agencies.find(({ agency }) => agency === found.agency),
      found,
    ),
  );
}

/**
 * Compares a whole store with the record.
 *
 * @param found all bets of the store.
 * @throws DrawMismatchError
 */
export function requireStoredBets(statement: DrawStatement, store: StoredDraw, found: FoundBets): void {
  const differences = termDifferences(statement, store);
  const known = new Set(statement.agencies.map(({ agency }) => agency));
  for (const recorded of statement.agencies) {
    differences.push(...agencyDifferences(recorded, found.stateOf(recorded.agency)));
    differences.push(...storedDifferences(recorded, store));
  }
  for (const agency of found.agencies) {
    if (!known.has(agency)) differences.push(...agencyDifferences(undefined, found.stateOf(agency)));
  }
  throwIfAny(differences);
}

function termDifferences({ number, agencies }: DrawStatement, { terms }: StoredDraw): string[] {
  if (terms === undefined) return ['no draw is held in the store'];
  if (terms.number === number && terms.agencies === agencies.length) return [];
  return [
    `the draw of the store has the number ${terms.number} and ${terms.agencies} agencies, ` +
      `and the record has ${number} and ${agencies.length}`,
  ];
}

function agencyDifferences(recorded: AgencyStatement | undefined, found: AgencyStatement): string[] {
  const { agency, bets } = found;
  if (recorded === undefined) return [`agency ${agency}: ${bets} bets, and the record does not have this agency`];
  if (recorded.bets !== bets) return [`agency ${agency}: ${bets} bets, and the record has ${recorded.bets}`];
  if (recorded.digest !== found.digest) {
    return [`agency ${agency}: the ${bets} rows are not those of the record, or not in their order`];
  }
  return winnerDifferences(recorded, 'rows with the number of the draw', found.winners);
}

/** The store's own records beside the bets. */
function storedDifferences(recorded: AgencyStatement, { finishes, winners }: StoredDraw): string[] {
  const { agency, bets, digest } = recorded;
  const finish = finishes.get(agency);
  if (finish === undefined) return [`agency ${agency}: the store has no finish of it`];
  if (finish.bets !== bets || (finish.digest ?? digest) !== digest) {
    return [`agency ${agency}: the stored finish is of other bets than the record`];
  }
  return winners === undefined ? [] : winnerDifferences(recorded, 'stored winners', winners.get(agency) ?? []);
}

function winnerDifferences(recorded: AgencyStatement, what: string, rows: readonly number[]): string[] {
  if (recorded.winners.length === rows.length && recorded.winners.every((row, index) => row === rows[index])) return [];
  const other =
    rows.find((row) => !recorded.winners.includes(row)) ?? recorded.winners.find((row) => !rows.includes(row));
  return [
    `agency ${recorded.agency}: ${rows.length} ${what}, and ${recorded.winners.length} in the record (row ${other} differs)`,
  ];
}

function throwIfAny(differences: readonly string[]): void {
  if (differences.length === 0) return;
  const more = differences.length - MAX_LISTED;
  const listed = differences.slice(0, MAX_LISTED).join('; ');
  throw new DrawMismatchError(more > 0 ? `${listed}; and ${more} more differences` : listed);
}
