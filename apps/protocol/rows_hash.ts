import type * as crypto from 'node:crypto';
import { type BetsDigest } from './bets_digest';

const LINE_FEED = Buffer.from('\n');

/**
 * The SHA-256 (FIPS 180-4) of an agency's rows in their order: each row in its stored form, with one line feed behind it
 * (docs/protocol.md, `D`).
 */
export class RowsHash {
  private readonly hash = createSha256();
  private rows = 0;

  /** The number of rows so far. */
  get count(): number {
    return this.rows;
  }

  /**
   * Adds consecutive rows.
   *
   * @param rows separated by `\n`, without a line feed at the end.
   */
  add(rows: Uint8Array, count: number): void {
    this.hash.update(rows);
    this.hash.update(LINE_FEED);
    this.rows += count;
  }

  /** The digest of the rows so far. More rows may follow. */
  get digest(): BetsDigest {
    return { count: this.rows, digest: this.hash.copy().digest('hex') };
  }
}

function createSha256(): crypto.Hash {
  // Loaded at the first hash: a start without one does not need it.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { createHash } = require('node:crypto') as typeof crypto;
  return createHash('sha256');
}
