import { crc32 } from 'node:zlib';
import { type ActionLog } from '../../../../runtime/action_log';
import { requireInPlace } from '../disk/directory_watch';
import { StoreUnavailableError, StoreWriteError } from '../../../domain/store_errors';
import { readRange, type StoreDirectory, type StoreFile, writeAll } from '../disk/file_system';
import { formatRecord, type LogRecord, readRecords, RecordFile } from './record_file';
import { type StoreHealth } from '../disk/store_health';

/**
 * A small log of records with a copy in memory. Each record is flushed before the next one. Its owner opens and
 * recovers it, then writes to it, one call at a time.
 */
export class Journal {
  private file: StoreFile | undefined;
  private log!: RecordFile;
  private readonly found: LogRecord[] = [];

  constructor(
    private readonly directory: StoreDirectory,
    readonly name: string,
    private readonly health: StoreHealth,
  ) {}

  /**
   * Reads the file without changing it.
   *
   * @returns the records.
   * @throws StoreDamagedError, StoreStoppedError
   */
  async open(stop: AbortSignal): Promise<readonly string[]> {
    this.file = await this.directory.open(this.name);
    if (this.file !== undefined) {
      for await (const record of readRecords(this.file, this.name, stop)) this.found.push(record);
    }
    return this.found.map(({ text }) => text);
  }

  /** Whether the file exists. */
  get exists(): boolean {
    return this.file !== undefined;
  }

  /**
   * Creates a missing file (its directory must be flushed afterwards), removes a torn record at the end, and makes the
   * last complete record durable.
   *
   * @throws StoreStoppedError
   */
  async recover(log: ActionLog, stop: AbortSignal): Promise<void> {
    this.file ??= await this.directory.create(this.name);
    const last = this.found.at(-1);
    this.log = new RecordFile(this.file, last?.end ?? 0);
    const tornBytes = (await this.file.size()) - this.log.size;
    if (tornBytes > 0) {
      await this.log.truncate(this.log.size);
      log.warning('recover_journal', 'success', { file: this.name, dropped_bytes: tornBytes });
    }
    if (last !== undefined) await rewrite(this.file, { ...last, checksum: crc32(formatRecord(last.text)) }, stop);
    if (last !== undefined || tornBytes > 0) await this.log.sync();
  }

  /**
   * Appends a record. Resolves once it is durable, in a file that its path still leads to.
   *
   * @throws StoreWriteError nothing of the record remains.
   * @throws StoreUnavailableError the record is durable, but the path of the file could not be checked.
   * @throws StoreBrokenError the store accepts no more writes.
   */
  async write(record: string): Promise<void> {
    this.health.requireHealthy();
    const before = this.log.size;
    try {
      await this.log.append(record);
    } catch (cause) {
      await this.guard('the rollback of a failed write failed', () => this.log.truncate(before));
      throw new StoreWriteError(`${this.name} could not be written`, { cause });
    }
    // Another file of the store may have failed meanwhile.
    this.health.requireHealthy();
    await this.guard('the flush to the disk failed', () => this.log.sync());
    await requireInPlace(this.directory, this.health);
  }

  async close(): Promise<void> {
    await this.file?.close();
  }

  private async guard(problem: string, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (cause) {
      throw this.health.markFailed(`${this.name}: ${problem}`, cause);
    }
  }
}

/** A range of bytes of a file, with the CRC-32 from its reading. */
export interface CheckedRange {
  readonly start: number;
  readonly end: number;
  readonly checksum: number;
}

/**
 * Writes the bytes from `start` to `end` once more, unchanged. After a failed flush, pages in the kernel's cache can
 * look written without being on the disk. A flush covers them again only after a new write (fsync(2), and PostgreSQL's
 * "fsyncgate" of 2018).
 *
 * @throws StoreUnavailableError the bytes have changed since: the kernel has dropped its pages, and the disk has other
 * bytes.
 * @throws StoreStoppedError `stop` has fired; the bytes are unchanged.
 */
export async function rewrite(
  file: StoreFile,
  { start, end, checksum }: CheckedRange,
  stop: AbortSignal,
): Promise<void> {
  let at = start;
  let found = 0;
  for await (const piece of readRange(file, start, end, stop)) {
    found = crc32(piece, found);
    await writeAll(file, [piece], at);
    at += piece.length;
  }
  if (found !== checksum) throw new StoreUnavailableError(`bytes ${start} to ${end} have changed since their check`);
}
