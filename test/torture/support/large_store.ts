import { open, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { formatCommit } from '../../../apps/server/storage/files/bets/commit_record';
import { formatRecord } from '../../../apps/server/storage/files/log/record_file';
import { generateBets, storedRow, winnersAmong } from '../../support/generated_bets';

export interface LargeStoreOptions {
  /** The number of commits. Each has about a mebibyte, and all are of agency 1. */
  readonly commits: number;
  /** The number of commits before the mark (default: all). */
  readonly marked?: number;
  readonly hasFinished?: boolean;
  readonly isDrawn?: boolean;
}

const BETS_OF_A_COMMIT = 20_000;

/** A large store. For a fast creation, all commits are the same block of rows. The number 7574 wins. */
export class LargeStore {
  private readonly bets = generateBets(1, BETS_OF_A_COMMIT, 5_000);
  private readonly block = Buffer.from(this.bets.map((bet) => `${storedRow(1, bet)}\n`).join(''));

  constructor(readonly options: LargeStoreOptions) {}

  /** The size of bets.csv. */
  get bytes(): number {
    return this.options.commits * this.block.length;
  }

  /** The number of stored bets. */
  get count(): number {
    return this.options.commits * this.bets.length;
  }

  /** The documents of the winners, in the order of the store. */
  get winners(): string[] {
    return Array.from({ length: this.options.commits }, () => winnersAmong(this.bets)).flat();
  }

  /** Writes the store into a new directory. */
  async write(directory: string): Promise<void> {
    await mkdir(directory, { mode: 0o700 });
    for (const [name, bytes] of this.smallFiles()) await writeFile(join(directory, name), bytes, { mode: 0o600 });
    const file = await open(join(directory, 'bets.csv'), 'wx', 0o600);
    try {
      for (let commit = 0; commit < this.options.commits; commit++) await file.writeFile(this.block);
    } finally {
      await file.close();
    }
  }

  /** The same files in memory. */
  image(): Map<string, Buffer> {
    const blocks = Array.from({ length: this.options.commits }, () => this.block);
    return this.smallFiles().set('bets.csv', Buffer.concat(blocks));
  }

  private smallFiles(): Map<string, Buffer> {
    const { commits, marked = commits, hasFinished = false, isDrawn = false } = this.options;
    const checksum = crc32(this.block);
    const added = new Map([[1, this.bets.length]]);
    const journal = [formatRecord('bets 1')];
    for (let commit = 0; commit < commits; commit++) {
      const start = commit * this.block.length;
      journal.push(formatRecord(formatCommit({ start, end: start + this.block.length, checksum, added })));
    }
    const mark = formatRecord(String(marked * this.block.length).padStart(16, '0'));
    return new Map([
      ['bets.journal', Buffer.concat(journal)],
      ['bets.mark', Buffer.concat([mark, mark])],
      ['finished.journal', hasFinished ? formatRecord(`finished 1:${this.count}`) : Buffer.alloc(0)],
      ['draw.journal', isDrawn ? formatRecord('draw 7574 1') : Buffer.alloc(0)],
    ]);
  }
}
