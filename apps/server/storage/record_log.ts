import { crc32 } from 'node:zlib';
import { StoreDamagedError } from './errors';
import { readRange, type StoreFile, writeAll } from './file_system';

/** What a record log's file holds. */
export interface RecordLogContent {
  readonly records: readonly string[];
  /** Where each record begins, and behind the last one where the next would: one more than there are records. */
  readonly offsets: readonly number[];
  /** Bytes behind the last whole record: what a crash left of one that was being written. */
  readonly tornBytes: number;
}

/**
 * A file of records, one a line, each behind its checksum: `CRC32 RECORD\n`. It only grows; a record is whole or not
 * there. Its owner calls one method at a time.
 */
export class RecordLog {
  constructor(
    private readonly file: StoreFile,
    private end: number,
  ) {}

  /**
   * Reads a log without touching it.
   *
   * @throws StoreDamagedError a whole record stands behind a broken one: each was flushed before the next was written,
   * so no crash leaves that.
   */
  static async read(file: StoreFile, name: string): Promise<RecordLogContent> {
    const pieces: Buffer[] = [];
    const size = await file.size();
    for await (const piece of readRange(file, 0, size)) pieces.push(Buffer.from(piece));
    return parseRecords(Buffer.concat(pieces), name);
  }

  /** Writes a record; it is durable after the next `flush`. */
  async append(record: string): Promise<void> {
    const line = formatRecord(record);
    await writeAll(this.file, [line], this.end);
    this.end += line.length;
  }

  async flush(): Promise<void> {
    await this.file.flush();
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

  async close(): Promise<void> {
    await this.file.close();
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

function parseRecords(bytes: Buffer, name: string): RecordLogContent {
  const records: string[] = [];
  const offsets = [0];
  let broken = false;
  for (let at = 0; at < bytes.length;) {
    const lineFeed = bytes.indexOf(0x0a, at);
    const end = lineFeed === -1 ? bytes.length : lineFeed;
    const record = lineFeed === -1 ? undefined : parseRecord(bytes.toString('utf8', at, end));
    if (record === undefined) {
      broken = true;
    } else if (broken) {
      throw new StoreDamagedError(`${name}: a broken record at byte ${offsets.at(-1)} with whole ones behind it`);
    } else {
      records.push(record);
      offsets.push(end + 1);
    }
    at = end + 1;
  }
  return { records, offsets, tornBytes: bytes.length - offsets.at(-1)! };
}

function checksum(record: string): string {
  return crc32(record).toString(16).padStart(8, '0');
}
