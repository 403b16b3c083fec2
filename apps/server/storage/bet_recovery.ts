import { crc32 } from 'node:zlib';
import { type ActionLog } from '../../runtime/action_log';
import { StoreDamagedError } from './errors';
import { readRange, type StoreDirectory, type StoreFile, writeAll } from './file_system';
import { formatRecord, parseRecord, RecordLog, type RecordLogContent } from './record_log';

/** One commit: the bytes `start` to `end` of bets.csv, their CRC-32, and how many bets of which agency they hold. */
export interface Commit {
  readonly start: number;
  readonly end: number;
  readonly checksum: number;
  readonly added: ReadonlyMap<number, number>;
}

/** The files of the bets, opened and in order. */
export interface RecoveredBets {
  readonly bets: StoreFile;
  readonly journal: RecordLog;
  readonly mark: StoreFile;
  /** The size of bets.csv. */
  readonly end: number;
  /** How many bets each agency has. */
  readonly counts: ReadonlyMap<number, number>;
}

const BETS = 'bets.csv';
const JOURNAL = 'bets.journal';
const MARK = 'bets.mark';
const HEADER = 'bets 1';

/** `commit START END CHECKSUM AGENCY:COUNT…` */
export function formatCommit({ start, end, checksum, added }: Commit): string {
  const counts = Array.from(added, ([agency, count]) => `${agency}:${count}`);
  return `commit ${start} ${end} ${checksum} ${counts.join(' ')}`;
}

/**
 * Opens the files and brings them into the state of the last whole commit. A commit of which a crash left only a part,
 * in either file, was not acknowledged: it is dropped, and the log says so.
 *
 * @throws StoreDamagedError what was acknowledged is not there as it was written. Nothing is changed then.
 */
export async function recoverBets(directory: StoreDirectory, log: ActionLog): Promise<RecoveredBets> {
  const isNew = await isNewStore(directory);
  // The journal comes first: as long as it has no header, the others have nothing in them.
  const journalFile = await directory.open(JOURNAL);
  const bets = await directory.open(BETS);
  const mark = await directory.open(MARK);
  try {
    if (isNew) return { bets, journal: await beginJournal(journalFile, mark), mark, end: 0, counts: new Map() };
    const content = await RecordLog.read(journalFile, JOURNAL);
    const commits = await findIntactCommits(content, bets, await readMark(mark));
    const journal = await repair({ content, commits, journalFile, bets }, log);
    return { bets, journal, mark, end: endOf(commits), counts: countBets(commits) };
  } catch (error) {
    await Promise.allSettled([journalFile.close(), bets.close(), mark.close()]);
    throw error;
  }
}

/** The line that says up to which byte of bets.csv everything was acknowledged; always of one size. */
export function formatMark(end: number): Buffer {
  return formatRecord(String(end).padStart(16, '0'));
}

/**
 * Whether nothing was ever stored here: the journal has no header yet.
 *
 * @throws StoreDamagedError bets without a journal, or a journal without its bets.
 */
async function isNewStore(directory: StoreDirectory): Promise<boolean> {
  const [journal, bets, mark] = await Promise.all([JOURNAL, BETS, MARK].map((name) => directory.sizeOf(name)));
  if (journal! < formatRecord(HEADER).length) {
    if (bets! > 0)
      throw new StoreDamagedError(`${BETS} holds ${bets} bytes, and there is no ${JOURNAL} that knows of them`);
    return true;
  }
  if (mark === 0) throw new StoreDamagedError(`there is a ${JOURNAL}, but no ${MARK}`);
  return false;
}

async function beginJournal(file: StoreFile, mark: StoreFile): Promise<RecordLog> {
  await writeAll(mark, [formatMark(0)], 0);
  await mark.flush();
  await file.truncate(0);
  const journal = new RecordLog(file, 0);
  await journal.append(HEADER);
  await journal.flush();
  return journal;
}

/** The commits that are whole in both files; all that were acknowledged are, or this throws. */
async function findIntactCommits(
  content: RecordLogContent,
  bets: StoreFile,
  marked: number,
): Promise<readonly Commit[]> {
  if (content.records[0] !== HEADER) throw new StoreDamagedError(`${JOURNAL} is not a journal of this version`);
  const commits = content.records.slice(1).map((record) => parseCommit(record));
  requireContiguous(commits);
  // A commit is written once the one before it is flushed: whatever stands before the last one was acknowledged.
  const acknowledged = Math.max(marked, commits.at(-1)?.start ?? 0);
  if (endOf(commits) < acknowledged) {
    throw new StoreDamagedError(
      `${JOURNAL} ends at byte ${endOf(commits)} of ${BETS}, ${acknowledged} were acknowledged`,
    );
  }
  for (const [index, commit] of commits.entries()) {
    if (await isIntact(commit, bets)) continue;
    if (commit.end <= acknowledged) {
      throw new StoreDamagedError(`${BETS}: bytes ${commit.start} to ${commit.end} are not what was acknowledged`);
    }
    return commits.slice(0, index);
  }
  return commits;
}

function requireContiguous(commits: readonly Commit[]): void {
  let end = 0;
  for (const commit of commits) {
    if (commit.start !== end) throw new StoreDamagedError(`${JOURNAL}: no commit begins at byte ${end} of ${BETS}`);
    end = commit.end;
  }
}

async function isIntact(commit: Commit, bets: StoreFile): Promise<boolean> {
  let checksum = 0;
  let length = 0;
  for await (const piece of readRange(bets, commit.start, commit.end)) {
    checksum = crc32(piece, checksum);
    length += piece.length;
  }
  return length === commit.end - commit.start && checksum === commit.checksum;
}

/** Cuts both files behind the last whole commit. */
async function repair(
  found: { content: RecordLogContent; commits: readonly Commit[]; journalFile: StoreFile; bets: StoreFile },
  log: ActionLog,
): Promise<RecordLog> {
  const { content, commits, journalFile, bets } = found;
  const journal = new RecordLog(journalFile, content.offsets[commits.length + 1]!);
  const droppedBytes = (await bets.size()) - endOf(commits);
  const droppedJournalBytes = (await journalFile.size()) - journal.size;
  if (droppedBytes === 0 && droppedJournalBytes === 0) return journal;
  await bets.truncate(endOf(commits));
  await journal.truncate(journal.size);
  await Promise.all([bets.flush(), journal.flush()]);
  log.warning('recover_bets', 'success', { dropped_bytes: droppedBytes, dropped_journal_bytes: droppedJournalBytes });
  return journal;
}

async function readMark(mark: StoreFile): Promise<number> {
  const line = Buffer.alloc(formatMark(0).length);
  const length = await mark.read(line, 0);
  const record = parseRecord(line.toString('latin1', 0, length - 1));
  if (record === undefined) throw new StoreDamagedError(`${MARK} is broken`);
  return Number(record);
}

function parseCommit(record: string): Commit {
  const match = /^commit (\d+) (\d+) (\d+) ((?:\d+:\d+ ?)+)$/.exec(record);
  if (match === null) throw new StoreDamagedError(`${JOURNAL}: ${JSON.stringify(record)} is no commit`);
  const added = match[4]!.split(' ').map((pair) => pair.split(':').map(Number) as [number, number]);
  return { start: Number(match[1]), end: Number(match[2]), checksum: Number(match[3]), added: new Map(added) };
}

function endOf(commits: readonly Commit[]): number {
  return commits.at(-1)?.end ?? 0;
}

function countBets(commits: readonly Commit[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { added } of commits) {
    for (const [agency, count] of added) counts.set(agency, (counts.get(agency) ?? 0) + count);
  }
  return counts;
}
