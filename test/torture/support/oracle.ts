import { type RecordingAgency } from './recording_agency';

/**
 * Holds a store's bets.csv to the agencies' own records: every acknowledged bet is there, none twice, each agency's are
 * an exact prefix of its file in whole batches. Throws what is wrong.
 */
export function requireKept(csv: Buffer | undefined, agencies: readonly RecordingAgency[]): void {
  const stored = rowsByAgency(csv ?? Buffer.alloc(0));
  for (const agency of agencies) {
    const rows = stored.get(agency.id) ?? [];
    stored.delete(agency.id);
    requirePrefix(agency, rows);
    if (rows.length < agency.acknowledged) {
      throw new Error(`agency ${agency.id}: ${agency.acknowledged} bets were acknowledged, ${rows.length} are stored`);
    }
    if (!agency.couldBeStored(rows.length)) {
      throw new Error(`agency ${agency.id}: ${rows.length} stored bets are no whole batches of what was sent`);
    }
  }
  if (stored.size > 0) throw new Error(`bets of agencies that never bet: ${Array.from(stored.keys()).join()}`);
}

/**
 * The same for the files of a server that was killed, before they are recovered: behind what was acknowledged there may
 * be part of what was not, down to half a row.
 */
export function requireAcknowledged(csv: Buffer, agencies: readonly RecordingAgency[]): void {
  const stored = rowsByAgency(csv.subarray(0, csv.lastIndexOf(0x0a) + 1));
  for (const agency of agencies) {
    const rows = (stored.get(agency.id) ?? []).slice(0, agency.acknowledged);
    requirePrefix(agency, rows);
    if (rows.length < agency.acknowledged) {
      throw new Error(`agency ${agency.id}: ${agency.acknowledged} bets were acknowledged, ${rows.length} are stored`);
    }
  }
}

/** The whole store equals the whole input. */
export function requireComplete(csv: Buffer | undefined, agencies: readonly RecordingAgency[]): void {
  requireKept(csv, agencies);
  const stored = rowsByAgency(csv ?? Buffer.alloc(0));
  for (const { id, bets } of agencies) {
    const count = stored.get(id)?.length ?? 0;
    if (count !== bets.length) throw new Error(`agency ${id}: ${count} bets are stored, its file has ${bets.length}`);
  }
}

function requirePrefix(agency: RecordingAgency, rows: readonly string[]): void {
  const expected = agency.rows;
  const wrong = rows.findIndex((row, index) => row !== expected[index]);
  if (wrong !== -1) throw new Error(`agency ${agency.id}: bet ${wrong + 1} is not that of its file: ${rows[wrong]}`);
}

/** No name of the suite's bets holds a line break, so lines are rows. */
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
