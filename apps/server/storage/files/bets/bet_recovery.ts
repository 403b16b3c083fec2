import { crc32 } from 'node:zlib';
import { type ActionLog } from '../../../../runtime/action_log';
import { parseCommit } from './commit_record';
import { CommitWatermark } from './commit_watermark';
import { StoreDamagedError } from '../../../domain/store_errors';
import { readRange, type StoreDirectory, type StoreFile } from '../disk/file_system';
import { type CheckedRange, rewrite } from '../log/journal';
import { formatRecord, readRecords, RecordFile } from '../log/record_file';

/** The open files of the bets, undefined where a file is missing. */
interface BetFiles {
  bets: StoreFile | undefined;
  journal: StoreFile | undefined;
  mark: StoreFile | undefined;
}

/** The files of the bets before recovery, with their content. */
export interface FoundBets extends BetFiles {
  readonly content: BetContent;
}

/** The sum of all complete commits. */
export interface BetContent {
  /** The number of bets of each agency. */
  readonly counts: ReadonlyMap<number, number>;
  /** The offset in bets.csv behind the last complete commit. */
  readonly betsEnd: number;
  /** The offset in bets.journal behind its record, or 0 without a complete header. */
  readonly journalEnd: number;
  /** The watermark, an offset in bets.csv, or undefined without one. */
  readonly marked: number | undefined;
  /** The complete commits above the watermark: their bytes in bets.csv, and their records in bets.journal. */
  readonly unmarkedBets: CheckedRange;
  readonly unmarkedJournal: CheckedRange;
  /** Whether a bet was ever written here, complete or not. */
  readonly hasRecords: boolean;
}

/** The recovered files of the bets, ready for writes. */
export interface RecoveredBets {
  readonly bets: StoreFile;
  readonly journal: RecordFile;
  readonly mark: CommitWatermark;
}

const BETS = 'bets.csv';
const JOURNAL = 'bets.journal';
const MARK = 'bets.mark';
const HEADER = 'bets 1';
const HEADER_BYTES = formatRecord(HEADER).length;
const EMPTY_RANGE: CheckedRange = { start: 0, end: 0, checksum: 0 };

/**
 * Reads the files of the bets and checks every commit, without changes. A crash can leave parts of unacknowledged
 * commits in any of the files.
 *
 * @throws StoreDamagedError acknowledged bytes are missing or changed, or the files belong to another program.
 * @throws StoreStoppedError `stop` has fired.
 */
export async function findBets(directory: Pick<StoreDirectory, 'open'>, stop: AbortSignal): Promise<FoundBets> {
  const files: BetFiles = { bets: undefined, journal: undefined, mark: undefined };
  try {
    files.bets = await directory.open(BETS);
    files.journal = await directory.open(JOURNAL);
    files.mark = await directory.open(MARK);
    const marked = files.mark === undefined ? undefined : await new CommitWatermark(files.mark).read();
    return { ...files, content: await readContent(files.bets, files.journal, marked, stop) };
  } catch (error) {
    await closeBetFiles(files);
    throw error;
  }
}

/**
 * Brings the files into the state of the last complete commit: creates missing files, removes partial commits, and
 * flushes commits whose flush is uncertain. New files are added to `found`, for `closeBetFiles`.
 *
 * @throws StoreStoppedError `stop` has fired.
 */
export async function recoverBets(
  directory: StoreDirectory,
  found: FoundBets,
  log: ActionLog,
  stop: AbortSignal,
): Promise<RecoveredBets> {
  const { content } = found;
  const bets = (found.bets ??= await directory.create(BETS));
  const journalFile = (found.journal ??= await directory.create(JOURNAL));
  const markFile = (found.mark ??= await directory.create(MARK));
  const journal = new RecordFile(journalFile, content.journalEnd);
  const mark = new CommitWatermark(markFile);
  // Finds the valid slot of the watermark, which must not be the first to be overwritten.
  await mark.read();
  await dropTails({ bets, journalFile, journal }, content, log);
  await rewriteUnmarked({ bets, journalFile, journal, mark }, content, stop);
  return { bets, journal, mark };
}

/** The names of the missing files. */
export function missingBetFiles({ bets, journal, mark }: BetFiles): string[] {
  const files = [
    [BETS, bets],
    [JOURNAL, journal],
    [MARK, mark],
  ] as const;
  return files.filter(([, file]) => file === undefined).map(([name]) => name);
}

export async function closeBetFiles({ bets, journal, mark }: BetFiles): Promise<void> {
  for (const file of [bets, journal, mark]) await file?.close();
}

async function readContent(
  bets: StoreFile | undefined,
  journal: StoreFile | undefined,
  marked: number | undefined,
  stop: AbortSignal,
): Promise<BetContent> {
  const betsSize = (await bets?.size()) ?? 0;
  const reader = journal === undefined ? undefined : readRecords(journal, JOURNAL, stop);
  const header = await reader?.next();
  if (header === undefined || header.done === true) {
    const journalSize = (await journal?.size()) ?? 0;
    requireNothingStored({ betsSize, journalSize, marked });
    const unmarked = { unmarkedBets: EMPTY_RANGE, unmarkedJournal: EMPTY_RANGE };
    return { counts: new Map(), betsEnd: 0, journalEnd: 0, marked, ...unmarked, hasRecords: false };
  }
  if (header.value.text !== HEADER) throw new StoreDamagedError(`${JOURNAL} is not a journal of this version`);
  const content = await checkCommits(reader!, new RangeChecksums(bets, stop), marked);
  const hasRecords = betsSize > 0 || (await journal!.size()) > HEADER_BYTES;
  if (marked === undefined && hasRecords) {
    throw new StoreDamagedError(`${BETS} holds bets, and there is no ${MARK} of the acknowledged ones`);
  }
  return { ...content, marked, hasRecords };
}

/** A journal without a header belongs to a store without acknowledged bets. The other files must agree. */
function requireNothingStored(found: { betsSize: number; journalSize: number; marked: number | undefined }): void {
  const { betsSize, journalSize, marked = 0 } = found;
  if (betsSize > 0) {
    throw new StoreDamagedError(`${BETS} holds ${betsSize} bytes, and there is no ${JOURNAL} of them`);
  }
  if (marked > 0) throw new StoreDamagedError(`${MARK} covers ${marked} bytes of bets, and there is no ${JOURNAL}`);
  if (journalSize > HEADER_BYTES) throw new StoreDamagedError(`${JOURNAL} is not a journal of this program`);
}

/** Reads the journal commit by commit, and checks each commit against the bytes of bets.csv. */
async function checkCommits(
  records: AsyncIterable<{ text: string; start: number; end: number }>,
  bets: RangeChecksums,
  marked = 0,
): Promise<Omit<BetContent, 'marked' | 'hasRecords'>> {
  const counts = new Map<number, number>();
  let betsEnd = 0;
  let journalEnd = HEADER_BYTES;
  let unmarkedBets: CheckedRange = { start: marked, end: marked, checksum: 0 };
  let unmarkedJournal: CheckedRange = { start: 0, end: HEADER_BYTES, checksum: crc32(formatRecord(HEADER)) };
  let broken: { start: number; end: number } | undefined;
  for await (const record of records) {
    const { start, end, checksum, added } = parseCommit(record.text);
    // A commit is written after the flush of the previous one, so every commit before the last was acknowledged.
    if (broken !== undefined) throw damagedRange(broken);
    if (start !== betsEnd || end < start) {
      throw new StoreDamagedError(`${JOURNAL}: no commit begins at byte ${betsEnd} of ${BETS}`);
    }
    const isMarked = end <= marked;
    if (!isMarked) bets.beginUnmarked();
    if ((await bets.next(end - start)) !== checksum) {
      broken = { start, end };
      continue;
    }
    for (const [agency, count] of added) counts.set(agency, (counts.get(agency) ?? 0) + count);
    betsEnd = end;
    journalEnd = record.end;
    unmarkedBets = isMarked ? unmarkedBets : { start: marked, end, checksum: bets.unmarked };
    unmarkedJournal = isMarked
      ? { start: record.end, end: record.end, checksum: 0 }
      : { ...unmarkedJournal, end: record.end, checksum: crc32(formatRecord(record.text), unmarkedJournal.checksum) };
  }
  if (broken !== undefined && broken.end <= marked) throw damagedRange(broken);
  if (betsEnd < marked) {
    throw new StoreDamagedError(`${JOURNAL} ends at byte ${betsEnd} of ${BETS}, and ${marked} bytes were acknowledged`);
  }
  return { counts, betsEnd, journalEnd, unmarkedBets, unmarkedJournal };
}

function damagedRange({ start, end }: { start: number; end: number }): StoreDamagedError {
  return new StoreDamagedError(`${BETS}: bytes ${start} to ${end} differ from the acknowledged ones`);
}

/** Checksums of consecutive ranges of a file from its first byte on. The file is read in large pieces. */
class RangeChecksums {
  private readonly pieces: AsyncGenerator<Buffer>;
  private piece: Buffer = Buffer.alloc(0);
  private isMarked = true;
  /** The CRC-32 of all bytes since `beginUnmarked`. */
  unmarked = 0;

  constructor(file: StoreFile | undefined, stop: AbortSignal) {
    this.pieces = file === undefined ? noPieces() : readRange(file, 0, Number.MAX_SAFE_INTEGER, stop);
  }

  /** Marks the beginning of the bytes above the watermark. */
  beginUnmarked(): void {
    this.isMarked = false;
  }

  /** The CRC-32 of the next `length` bytes, or undefined if the file ends before them. */
  async next(length: number): Promise<number | undefined> {
    let checksum = 0;
    for (let left = length; left > 0;) {
      if (this.piece.length === 0) {
        const next = await this.pieces.next();
        if (next.done === true) return undefined;
        this.piece = next.value;
      }
      const bytes = this.piece.subarray(0, left);
      checksum = crc32(bytes, checksum);
      if (!this.isMarked) this.unmarked = crc32(bytes, this.unmarked);
      left -= bytes.length;
      this.piece = this.piece.subarray(bytes.length);
    }
    return checksum;
  }
}

async function* noPieces(): AsyncGenerator<Buffer> {}

async function dropTails(
  files: { bets: StoreFile; journalFile: StoreFile; journal: RecordFile },
  { betsEnd, journalEnd }: BetContent,
  log: ActionLog,
): Promise<void> {
  const { bets, journalFile, journal } = files;
  const droppedBytes = (await bets.size()) - betsEnd;
  const droppedJournalBytes = (await journalFile.size()) - journalEnd;
  if (droppedBytes === 0 && droppedJournalBytes === 0) return;
  await bets.truncate(betsEnd);
  await journal.truncate(journalEnd);
  await Promise.all([bets.sync(), journal.sync()]);
  log.warning('recover_bets', 'success', { dropped_bytes: droppedBytes, dropped_journal_bytes: droppedJournalBytes });
}

/**
 * Makes all remaining bets durable, because agencies receive their count from here on. Commits below the watermark were
 * flushed before its write.
 */
async function rewriteUnmarked(
  files: { bets: StoreFile; journalFile: StoreFile; journal: RecordFile; mark: CommitWatermark },
  { betsEnd, journalEnd, marked, unmarkedBets, unmarkedJournal }: BetContent,
  stop: AbortSignal,
): Promise<void> {
  const { bets, journalFile, journal, mark } = files;
  // Files without bets are flushed too: an earlier start can have ended between their creation and their flush.
  if (marked === betsEnd && betsEnd > 0) return;
  if (journalEnd === 0) {
    await journal.append(HEADER);
  } else {
    await rewrite(bets, unmarkedBets, stop);
    await rewrite(journalFile, unmarkedJournal, stop);
  }
  await Promise.all([bets.sync(), journal.sync()]);
  await mark.write(betsEnd);
  await mark.write(betsEnd);
  await mark.sync();
}
