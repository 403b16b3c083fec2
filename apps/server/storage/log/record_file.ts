import { crc32 } from 'node:zlib';
import { StoreDamagedError } from '../../domain/store_errors';
import { readRange, type StoreFile, writeAll } from '../disk/file_system';

/** A whole record as it stands in a log: its text, and its bytes' offsets. */
export interface LogRecord {
  readonly text: string;
  readonly start: number;
  /** The offset behind it, where the next record begins. */
  readonly end: number;
}

const LINE_FEED = 0x0a;

/**
 * A file of records, one a line, each behind its checksum: `CRC32 RECORD\n`. It only grows, and its owner calls one
 * method at a time and flushes each record before the next: what a crash leaves is whole but for the last one.
 */
export class RecordFile {
  /** @param end the offset behind the last record. */
  constructor(
    private readonly file: StoreFile,
    private end: number,
  ) {}

  /** Writes a record; it is durable after the next `flush`. Where it fails, `truncate` takes back what was written. */
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

  /** Drops what stands behind `size`. */
  async truncate(size: number): Promise<void> {
    await this.file.truncate(size);
    this.end = size;
  }
}

/**
 * The whole records of a log, up to the first broken one. Nothing is touched.
 *
 * @throws StoreDamagedError whole records stand behind a broken one: no crash leaves that.
 * @throws StoreStoppedError `stop` has fired.
 */
export async function* readRecords(file: StoreFile, name: string, stop: AbortSignal): AsyncGenerator<LogRecord> {
  let brokenAt: number | undefined;
  for await (const { line, start, end } of readLines(file, stop)) {
    const text = parseRecord(line.toString('utf8'));
    if (text === undefined) {
      brokenAt ??= start;
    } else if (brokenAt !== undefined) {
      throw new StoreDamagedError(`${name}: the record at byte ${brokenAt} is broken, and whole ones stand behind it`);
    } else {
      yield { text, start, end };
    }
  }
}

/** `CRC32 RECORD\n`; a record holds no line break. */
export function formatRecord(record: string): Buffer {
  return Buffer.from(`${checksum(record)} ${record}\n`, 'utf8');
}

/** The record of such a line (without its line break), or undefined where the checksum does not fit. */
export function parseRecord(line: string): string | undefined {
  const record = line.slice(9);
  return line.slice(0, 9) === `${checksum(record)} ` ? record : undefined;
}

/** The lines that end with a line feed, without it. */
async function* readLines(
  file: StoreFile,
  stop: AbortSignal,
): AsyncGenerator<{ line: Buffer; start: number; end: number }> {
  let begun: Buffer = Buffer.alloc(0);
  let start = 0;
  for await (const piece of readRange(file, 0, await file.size(), stop)) {
    const bytes = Buffer.concat([begun, piece]);
    let at = 0;
    for (let lineFeed = bytes.indexOf(LINE_FEED); lineFeed !== -1; lineFeed = bytes.indexOf(LINE_FEED, at)) {
      const next = lineFeed + 1;
      yield { line: bytes.subarray(at, lineFeed), start: start + at, end: start + next };
      at = next;
    }
    start += at;
    begun = bytes.subarray(at);
  }
}

function checksum(record: string): string {
  return crc32(record).toString(16).padStart(8, '0');
}
