import { crc32 } from 'node:zlib';
import { type ActionLog } from '../../../runtime/action_log';
import { requireInPlace } from '../disk/directory_watch';
import { StoreUnavailableError, StoreWriteError } from '../../domain/store_errors';
import { readRange, type StoreDirectory, type StoreFile, writeAll } from '../disk/file_system';
import { formatRecord, type LogRecord, readRecords, RecordFile } from './record_file';
import { type StoreHealth } from '../disk/store_health';

/**
 * A small record log that is kept in memory too, each record flushed before the next. Its owner opens it, recovers it,
 * and then writes to it, one call at a time.
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
   * Reads what is there, and changes nothing.
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

  /** Whether the file is there. */
  get exists(): boolean {
    return this.file !== undefined;
  }

  /**
   * Makes the file where it is missing (its directory must be flushed then), drops the record that a crash left in the
   * middle of its writing, and sees to it that the last whole one is on the disk.
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
   * Resolves once the record is durable, in a file that will be found.
   *
   * @throws StoreWriteError nothing of it stays.
   * @throws StoreUnavailableError it is durable; where the file is could not be looked up.
   * @throws StoreBrokenError nothing can be written any more.
   */
  async write(record: string): Promise<void> {
    this.health.requireSound();
    const before = this.log.size;
    try {
      await this.log.append(record);
    } catch (cause) {
      await this.guard('a failed write could not be taken back', () => this.log.truncate(before));
      throw new StoreWriteError(`${this.name} could not be written`, { cause });
    }
    // Another file of the store may have failed meanwhile.
    this.health.requireSound();
    await this.guard('the disk did not confirm what was written', () => this.log.sync());
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

/** Bytes of a file that were read, with their CRC-32. */
export interface CheckedRange {
  readonly start: number;
  readonly end: number;
  readonly checksum: number;
}

/**
 * Writes the bytes from `start` to `end` again as they are. What a process wrote that then died of a failed flush is
 * still read from the kernel's memory, and looks written though no disk has it: only bytes that are written anew are
 * flushed again (fsync(2), and PostgreSQL's "fsyncgate" of 2018).
 *
 * @throws StoreUnavailableError they are not any more what they were: the kernel has let go of them meanwhile, and the
 * disk has others.
 * @throws StoreStoppedError `stop` has fired; the bytes are as they were.
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
  if (found !== checksum)
    throw new StoreUnavailableError(`bytes ${start} to ${end} are not what they were a moment ago`);
}
