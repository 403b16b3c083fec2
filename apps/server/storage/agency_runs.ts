import { parseCanonicalNumber } from '../../protocol/canonical_number';
import { type BetBatch } from '../../protocol/bet_batch';
import { StoreDamagedError } from '../domain/store_errors';

/** Bets of one agency that follow each other. */
export interface AgencyRun {
  readonly batch: BetBatch;
  /** The number of the agency's bets before the batch. */
  readonly after: number;
}

const LINE_FEED = 0x0a;
const COMMA = 0x2c;

/**
 * Divides the rows of bets.csv, which come in pieces of any size, into runs of one agency. It counts the rows of each
 * agency, so that a run has the sequence number of its first row.
 */
export class AgencyRuns {
  private readonly read = new Map<number, number>();
  /** The begin of a row whose end is in the next piece. */
  private partialRow: Buffer = Buffer.alloc(0);

  /** The number of rows of each agency so far. */
  get counts(): ReadonlyMap<number, number> {
    return this.read;
  }

  /**
   * The runs of the complete rows so far. They may be views of the piece.
   *
   * @throws StoreDamagedError a row does not begin with an agency.
   */
  take(piece: Uint8Array): readonly AgencyRun[] {
    const bytes = Buffer.concat([this.partialRow, piece]);
    const end = bytes.lastIndexOf(LINE_FEED) + 1;
    const runs: AgencyRun[] = [];
    for (let at = 0; at < end;) {
      const batch = readBatch(bytes.subarray(at, end));
      const after = this.read.get(batch.agency) ?? 0;
      runs.push({ batch, after });
      this.read.set(batch.agency, after + batch.count);
      at += batch.rows.length + 1;
    }
    this.partialRow = bytes.subarray(end);
    return runs;
  }

  /** @throws StoreDamagedError the last row has no end. */
  requireComplete(): void {
    if (this.partialRow.length > 0) throw new StoreDamagedError('bets.csv ends in the middle of a row');
  }
}

/** The rows of one agency at the beginning of complete rows. */
function readBatch(bytes: Buffer): BetBatch {
  const comma = bytes.indexOf(COMMA);
  const agency = parseCanonicalNumber(bytes.toString('latin1', 0, Math.max(0, comma)));
  if (agency === undefined)
    throw new StoreDamagedError('a row of bets.csv does not begin with the number of an agency');
  const prefix = bytes.subarray(0, comma + 1);
  let count = 0;
  let end = 0;
  do {
    end = bytes.indexOf(LINE_FEED, end) + 1;
    count++;
  } while (end < bytes.length && startsWith(bytes, prefix, end));
  return { agency, count, rows: bytes.subarray(0, end - 1) };
}

function startsWith(bytes: Buffer, prefix: Buffer, at: number): boolean {
  for (let index = 0; index < prefix.length; index++) if (bytes[at + index] !== prefix[index]) return false;
  return true;
}
