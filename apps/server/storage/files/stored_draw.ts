import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Finish } from '../../domain/finish_tracker';
import { type StoredDraw } from '../../domain/stored_draw';
import { readStoredRows } from './bets/stored_rows';
import { openForReading } from './disk/file_system';
import { parseDraw } from './file_draw_record';
import { parseFinishes } from './file_finish_tracker';
import { readRecords } from './log/record_file';

/**
 * Reads the draw of a data directory. It takes no lock and changes nothing, so a server may run on the directory.
 *
 * @throws StoreDamagedError, StoreStoppedError
 */
export async function readStoredDraw(path: string, stop: AbortSignal): Promise<StoredDraw> {
  const finishes = new Map<number, Finish>();
  for (const record of await readJournal(path, 'finished.journal', stop)) {
    for (const { agency, bets, digest } of parseFinishes(record)) finishes.set(agency, { bets, digest });
  }
  const [draw] = await readJournal(path, 'draw.journal', stop);
  return {
    terms: draw === undefined ? undefined : parseDraw(draw),
    finishes,
    evidence: await readIfPresent(join(path, 'draw.json')),
    // The files keep no winners: a server finds them among the bets at each start.
    winners: undefined,
    readRows: () => readStoredRows(path, stop),
  };
}

async function readJournal(path: string, name: string, stop: AbortSignal): Promise<readonly string[]> {
  const file = await openForReading(join(path, name));
  if (file === undefined) return [];
  try {
    const records: string[] = [];
    for await (const { text } of readRecords(file, name, stop)) records.push(text);
    return records;
  } finally {
    await file.close();
  }
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
