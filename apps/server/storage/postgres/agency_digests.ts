import { type BetsDigest } from '../../../protocol/bets_digest';
import { RowsHash } from '../../../protocol/rows_hash';
import { BatchOutOfSequenceError } from '../../domain/store_errors';
import { type Database } from './database/database';
import { type OpenDraw } from './open_draw';
import { readAgencyRows } from './stored_rows';

/** The number of agencies whose rows are read at the same time. It leaves connections for commits. */
const LANES = 2;

/**
 * The digests of each agency's rows in the current draw. The rows are hashed on demand: the first request reads all rows
 * of its agency, and a further one those behind them. A committed row never changes, so no row is hashed twice
 * (docs/decisions/0017).
 */
export class AgencyDigests {
  private readonly hashes = new Map<number, RowsHash>();
  /** The ends of the last readings. Those of one agency follow each other in one lane. */
  private readonly lanes: Promise<unknown>[] = Array.from({ length: LANES }, () => Promise.resolve());
  private readonly closing = new AbortController();

  constructor(
    private readonly database: Database,
    private readonly draw: OpenDraw,
  ) {}

  /**
   * The digest of the agency's first `count` rows.
   *
   * @throws BatchOutOfSequenceError a digest of more rows was requested before.
   * @throws StoreStoppedError after `close`.
   * @throws StoreError
   */
  of(agency: number, count: number): Promise<BetsDigest> {
    const lane = agency % LANES;
    const digest = this.lanes[lane]!.then(() => this.read(agency, count));
    this.lanes[lane] = digest.catch(() => {});
    return digest;
  }

  /**
   * Drops the digest of more than `stored` rows. A database that has lost committed rows in a failover has fewer than were
   * hashed.
   */
  limit(agency: number, stored: number): void {
    if ((this.hashes.get(agency)?.count ?? 0) > stored) this.hashes.delete(agency);
  }

  /** Ends the readings in progress. Their requests are rejected. */
  async close(): Promise<void> {
    this.closing.abort();
    await Promise.all(this.lanes);
  }

  private async read(agency: number, count: number): Promise<BetsDigest> {
    const hash = this.hashes.get(agency) ?? new RowsHash();
    this.hashes.set(agency, hash);
    const range = { agency, after: hash.count, stored: count };
    for await (const { rows, count: added } of readAgencyRows(
      this.database,
      this.draw.id,
      range,
      this.closing.signal,
    )) {
      hash.add(rows.subarray(0, -1), added);
    }
    if (hash.count === count) return hash.digest;
    throw new BatchOutOfSequenceError(
      `a digest of ${hash.count} bets of agency ${agency} was made before, not ${count}`,
    );
  }
}
