import { StoreDamagedError, StoreLocationError } from '../../../domain/store_errors';
import { closeBetFiles, findBets, type FoundBets } from '../bets/bet_recovery';
import { formatMark } from '../bets/commit_watermark';
import { READ_PIECE, readRange, type StoreDirectory, type StoreFile } from '../disk/file_system';
import { formatRecord, readRecords } from '../log/record_file';

/** A directory of a store, for reading only. */
export type SnapshotSource = Pick<StoreDirectory, 'open' | 'entry'>;

/** A file of a snapshot. */
export interface SnapshotFile {
  readonly name: string;
  /** The number of bytes of the content. */
  readonly size: number;
  /**
   * Reads the content, once. A piece is valid until the next one is requested.
   *
   * @throws StoreDamagedError the file has become shorter. StoreStoppedError
   */
  read(): AsyncIterable<Uint8Array>;
}

/** The files of a store at one moment, in the order of their reading. */
export interface StoreSnapshot {
  readonly files: readonly SnapshotFile[];
  /** The number of bets of each agency. */
  readonly counts: ReadonlyMap<number, number>;
  close(): Promise<void>;
}

/**
 * The order of the reading: a file depends on those behind it only (docs/durability.md). The files of the bets are read
 * by `findBets`, in this order too.
 */
const RECORD_FILES = ['draw.journal', 'finished.journal'];
const MARK = 'bets.mark';
const JOURNAL = 'bets.journal';
const BETS = 'bets.csv';
const NAMES = [...RECORD_FILES, MARK, JOURNAL, BETS];

/** The signed record of the draw, if there is one. It is read first: it depends on the draw and all bets. */
const EVIDENCE = 'draw.json';

/** A roll-back during the read of a journal looks like damage, once. */
const ATTEMPTS = 3;

/**
 * Takes a snapshot of a store, also below a running server: all bets acknowledged before the call, an exact prefix of
 * each agency's bets in whole commits, and no part of a commit. Every commit is checked. Nothing is locked or changed.
 *
 * The bytes of a snapshot do not change any more, because a whole record, and the rows of a whole commit, are never rolled
 * back. Its mark covers all its bets, so a start refuses a copy that has lost its end.
 *
 * @throws StoreLocationError the directory has no store.
 * @throws StoreDamagedError the store is damaged, incomplete, or was replaced during the reading.
 * @throws StoreStoppedError
 */
export async function takeSnapshot(directory: SnapshotSource, stop: AbortSignal): Promise<StoreSnapshot> {
  for (let attempt = 1; ; attempt++) {
    const files = new Map<string, StoreFile>();
    try {
      await openAll(directory, files);
      return await readSnapshot(files, stop);
    } catch (error) {
      await closeAll(files);
      if (!(error instanceof StoreDamagedError) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Opens the files. Those of one store are in place together, also while a new draw moves the old one away. */
async function openAll(directory: SnapshotSource, files: Map<string, StoreFile>): Promise<void> {
  const before = await identities(directory);
  const missing = NAMES.filter((_, index) => before[index] === undefined);
  if (missing.length === NAMES.length) throw new StoreLocationError('it holds no bets');
  if (missing.length > 0) throw new StoreDamagedError(`missing: ${missing.join(', ')}`);
  for (const name of [EVIDENCE, ...NAMES]) {
    const file = await directory.open(name);
    if (file !== undefined) files.set(name, file);
  }
  const after = await identities(directory);
  const replaced = NAMES.filter((name, index) => !files.has(name) || before[index] !== after[index]);
  if (replaced.length > 0) throw new StoreDamagedError(`replaced during the reading: ${replaced.join(', ')}`);
}

async function identities(directory: SnapshotSource): Promise<(string | undefined)[]> {
  return Promise.all(NAMES.map(async (name) => (await directory.entry(name))?.identity));
}

async function readSnapshot(files: Map<string, StoreFile>, stop: AbortSignal): Promise<StoreSnapshot> {
  const records = await evidenceOf(files.get(EVIDENCE), stop);
  for (const name of RECORD_FILES) records.push(inMemory(name, await completeRecords(files.get(name)!, name, stop)));
  // The files of the bets belong to `findBets` from here on: it closes them if it fails.
  const found = await findBets({ open: async (name) => handOver(files, name) }, stop);
  const { betsEnd, journalEnd, counts } = found.content;
  return {
    files: [
      ...records,
      inMemory(MARK, formatMark(betsEnd)),
      onDisk(JOURNAL, found, journalEnd, stop),
      onDisk(BETS, found, betsEnd, stop),
    ],
    counts,
    async close() {
      await closeBetFiles(found);
      await closeAll(files);
    },
  };
}

function handOver(files: Map<string, StoreFile>, name: string): StoreFile | undefined {
  const file = files.get(name);
  files.delete(name);
  return file;
}

/** The signed record, unless it is just being written: then a start of the copy writes it. */
async function evidenceOf(file: StoreFile | undefined, stop: AbortSignal): Promise<SnapshotFile[]> {
  if (file === undefined) return [];
  const pieces: Buffer[] = [];
  for await (const piece of readRange(file, 0, Infinity, stop)) pieces.push(Buffer.from(piece));
  const content = Buffer.concat(pieces);
  return isJson(content.toString('utf8')) ? [inMemory(EVIDENCE, content)] : [];
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The small journals: their complete records, without a torn one at the end. */
async function completeRecords(file: StoreFile, name: string, stop: AbortSignal): Promise<Buffer> {
  const lines: Buffer[] = [];
  for await (const { text } of readRecords(file, name, stop)) lines.push(formatRecord(text));
  return Buffer.concat(lines);
}

function inMemory(name: string, content: Buffer): SnapshotFile {
  return {
    name,
    size: content.length,
    async *read() {
      for (let at = 0; at < content.length; at += READ_PIECE) yield content.subarray(at, at + READ_PIECE);
    },
  };
}

function onDisk(name: string, found: FoundBets, size: number, stop: AbortSignal): SnapshotFile {
  const file = name === JOURNAL ? found.journal! : found.bets!;
  return {
    name,
    size,
    async *read() {
      let at = 0;
      for await (const piece of readRange(file, 0, size, stop)) {
        yield piece;
        at += piece.length;
      }
      if (at < size) throw new StoreDamagedError(`${name} was cut at byte ${at} during the reading`);
    },
  };
}

async function closeAll(files: ReadonlyMap<string, StoreFile>): Promise<void> {
  for (const file of files.values()) await file.close();
}
