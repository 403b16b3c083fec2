import { crc32 } from 'node:zlib';
import { StoreDamagedError } from '../../../domain/store_errors';
import { readRange, type StoreFile, writeAll } from '../disk/file_system';

/** A complete record of a log: its text and the offsets of its bytes. */
export interface LogRecord {
  readonly text: string;
  readonly start: number;
  /** The offset of the next record. */
  readonly end: number;
}

const LINE_FEED = 0x0a;

/**
 * A file of records, one per line, each preceded by its checksum: `CRC32 RECORD\n`. The file is append-only. Its owner
 * calls one method at a time and flushes each record before the next, so a crash can tear only the last record.
 */
export class RecordFile {
  /** @param end the offset behind the last record. */
  constructor(
    private readonly file: StoreFile,
    private end: number,
  ) {}

  /** Writes a record, which is durable after the next `sync`. After a failure `truncate` removes the partial write. */
  async append(record: string): Promise<void> {
    const line = formatRecord(record);
    await writeAll(this.file, [line], this.end);
    this.end += line.length;
  }

  async sync(): Promise<void> {
    await this.file.sync();
  }

  /** The offset behind the last record. */
  get size(): number {
    return this.end;
  }

  /** Removes all bytes behind `size`. */
  async truncate(size: number): Promise<void> {
    await this.file.truncate(size);
    this.end = size;
  }
}

/**
 * The complete records of a log, up to the first broken one. The file is not changed.
 *
 * @throws StoreDamagedError complete records follow a broken one, which no crash leaves.
 * @throws StoreStoppedError `stop` has fired.
 */
export async function* readRecords(file: StoreFile, name: string, stop: AbortSignal): AsyncGenerator<LogRecord> {
  let brokenAt: number | undefined;
  for await (const { line, start, end } of readLines(file, stop)) {
    const text = parseRecord(line.toString('utf8'));
    if (text === undefined) {
      brokenAt ??= start;
    } else if (brokenAt !== undefined) {
      throw new StoreDamagedError(`${name}: the record at byte ${brokenAt} is broken, and complete ones follow it`);
    } else {
      yield { text, start, end };
    }
  }
}

/** Formats a line, `CRC32 RECORD\n`. A record contains no line break. */
export function formatRecord(record: string): Buffer {
  return Buffer.from(`${checksum(record)} ${record}\n`, 'utf8');
}

/** The record of a line without its line break, or undefined if the checksum does not match. */
export function parseRecord(line: string): string | undefined {
  const record = line.slice(9);
  return line.slice(0, 9) === `${checksum(record)} ` ? record : undefined;
}

/** The complete lines of the file, without their line feeds. */
async function* readLines(
  file: StoreFile,
  stop: AbortSignal,
): AsyncGenerator<{ line: Buffer; start: number; end: number }> {
  let partialLine: Buffer = Buffer.alloc(0);
  let start = 0;
  for await (const piece of readRange(file, 0, await file.size(), stop)) {
    const bytes = Buffer.concat([partialLine, piece]);
    let at = 0;
    for (let lineFeed = bytes.indexOf(LINE_FEED); lineFeed !== -1; lineFeed = bytes.indexOf(LINE_FEED, at)) {
      const next = lineFeed + 1;
      yield { line: bytes.subarray(at, lineFeed), start: start + at, end: start + next };
      at = next;
    }
    start += at;
    partialLine = bytes.subarray(at);
  }
}

function checksum(record: string): string {
  return crc32(record).toString(16).padStart(8, '0');
}
