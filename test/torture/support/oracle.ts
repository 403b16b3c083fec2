import { type BetFields } from '../../support/generated_bets';

/** An agency's own record: the bets of its file, and how many of them were acknowledged. */
export interface AgencyRecord {
  readonly id: number;
  readonly bets: readonly BetFields[];
  /** The rows as the store has them. */
  readonly rows: readonly string[];
  readonly acknowledged: number;
  /** Whether that many bets are whole batches of this agency. */
  couldBeStored(count: number): boolean;
}

/**
 * Compares bets.csv with the records of the agencies: every acknowledged bet is stored, none twice, and each agency's
 * bets are an exact prefix of its file in whole batches.
 *
 * @throws Error with the first difference.
 */
export function requireKept(csv: Buffer | undefined, agencies: readonly AgencyRecord[]): void {
  const stored = rowsByAgency(csv ?? Buffer.alloc(0));
  for (const agency of agencies) {
    const rows = stored.get(agency.id) ?? [];
    stored.delete(agency.id);
    requirePrefix(agency, rows);
    if (rows.length < agency.acknowledged) {
      throw new Error(`agency ${agency.id}: ${agency.acknowledged} bets were acknowledged, ${rows.length} are stored`);
    }
    if (!agency.couldBeStored(rows.length)) {
      throw new Error(`agency ${agency.id}: ${rows.length} stored bets are no whole batches of the sent ones`);
    }
  }
  if (stored.size > 0) throw new Error(`bets of unknown agencies: ${Array.from(stored.keys()).join()}`);
}

/**
 * The same for the files of a killed server before their recovery. After the acknowledged bets there may be a part of
 * the others, down to half a row.
 */
export function requireAcknowledged(csv: Buffer, agencies: readonly AgencyRecord[]): void {
  const stored = rowsByAgency(csv.subarray(0, csv.lastIndexOf(0x0a) + 1));
  for (const agency of agencies) {
    const rows = (stored.get(agency.id) ?? []).slice(0, agency.acknowledged);
    requirePrefix(agency, rows);
    if (rows.length < agency.acknowledged) {
      throw new Error(`agency ${agency.id}: ${agency.acknowledged} bets were acknowledged, ${rows.length} are stored`);
    }
  }
}

/** Requires that the store equals the complete input. */
export function requireComplete(csv: Buffer | undefined, agencies: readonly AgencyRecord[]): void {
  requireKept(csv, agencies);
  const stored = rowsByAgency(csv ?? Buffer.alloc(0));
  for (const { id, bets } of agencies) {
    const count = stored.get(id)?.length ?? 0;
    if (count !== bets.length) throw new Error(`agency ${id}: ${count} bets are stored, its file has ${bets.length}`);
  }
}

function requirePrefix(agency: AgencyRecord, rows: readonly string[]): void {
  const expected = agency.rows;
  const wrong = rows.findIndex((row, index) => row !== expected[index]);
  if (wrong !== -1) throw new Error(`agency ${agency.id}: bet ${wrong + 1} is not that of its file: ${rows[wrong]}`);
}

/** The rows of each agency. No name in the suite has a line break, so lines are rows. */
function rowsByAgency(csv: Buffer): Map<number, string[]> {
  const lines = csv.toString('utf8').split('\n');
  if (lines.pop() !== '') throw new Error('bets.csv ends in the middle of a row');
  const byAgency = new Map<number, string[]>();
  for (const line of lines) {
    const agency = Number(line.slice(0, line.indexOf(',')));
    const rows = byAgency.get(agency);
    if (rows === undefined) byAgency.set(agency, [line]);
    else rows.push(line);
  }
  return byAgency;
}
