import { type BetsDigest } from '../../../../protocol/bets_digest';
import { RowsHash } from '../../../../protocol/rows_hash';
import { StoreDamagedError } from '../../../domain/store_errors';
import { AgencyRuns } from '../../agency_runs';
import { readRange, type StoreFile } from '../disk/file_system';

/**
 * The digests of each agency's rows in bets.csv. The rows are hashed on demand: a request reads the file once, from the
 * end of the reading before, for all agencies. No byte is hashed twice (docs/decisions/0017).
 */
export class RowDigests {
  private readonly hashes = new Map<number, RowsHash>();
  private readonly runs = new AgencyRuns();
  /** The offset in bets.csv behind the hashed bytes. */
  private hashed = 0;
  /** The reading in progress; simultaneous requests share it. */
  private reading: Promise<void> | undefined;
  private readonly closing = new AbortController();

  /**
   * The digest of the agency's rows among the first `end` bytes at least.
   *
   * @param end the end of a row.
   * @throws StoreDamagedError the file is shorter.
   * @throws StoreStoppedError after `close`.
   */
  async of(agency: number, bets: StoreFile, end: number): Promise<BetsDigest> {
    while (this.hashed < end) {
      this.reading ??= this.read(bets, end).finally(() => {
        this.reading = undefined;
      });
      await this.reading;
    }
    return (this.hashes.get(agency) ?? new RowsHash()).digest;
  }

  /** Ends a reading in progress. Its requests are rejected. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.reading?.catch(() => {});
  }

  /** The state is valid after each piece, so a failed reading is continued by the next one. */
  private async read(bets: StoreFile, end: number): Promise<void> {
    for await (const piece of readRange(bets, this.hashed, end, this.closing.signal)) {
      for (const { batch } of this.runs.take(piece)) this.hashOf(batch.agency).add(batch.rows, batch.count);
      this.hashed += piece.length;
    }
    if (this.hashed < end) throw new StoreDamagedError(`bets.csv ends at byte ${this.hashed}, before byte ${end}`);
  }

  private hashOf(agency: number): RowsHash {
    const known = this.hashes.get(agency) ?? new RowsHash();
    this.hashes.set(agency, known);
    return known;
  }
}
