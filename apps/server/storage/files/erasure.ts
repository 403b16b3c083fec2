import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { NEVER_STOPPED } from '../../domain/stop';
import { StoreLocationError } from '../../domain/store_errors';
import { DIRECTORY_ENTRY, DiskDirectory } from './disk/file_system';

/** The name that archiveStore gives an archive. */
const ARCHIVE = /^archive-\d{8}T\d{6}Z(?:-\d+)?$/;

/**
 * The files of an old draw, in the order of their removal. Those with personal data are the first; without bets.csv a
 * server refuses the rest.
 */
const ERASED = ['bets.csv', 'bets.journal', 'bets.mark', 'finished.journal', 'draw.journal'];

/**
 * Erases the bets of an archive of a data directory. The signed record of its draw (draw.json), which names no person,
 * stays; an archive without one is removed. A repeated call erases the rest.
 *
 * @param name of the archive, as `new-draw` printed it.
 * @returns the names of the files that stay.
 * @throws StoreLocationError there is no such archive.
 * @throws StoreInUseError a server serves the archive.
 * @throws StoreUnavailableError
 */
export async function eraseArchive(path: string, name: string): Promise<readonly string[]> {
  if (!ARCHIVE.test(name))
    throw new StoreLocationError(`${JSON.stringify(name)} is no name of an archive (archive-…Z)`);
  const archive = new DiskDirectory(join(path, name));
  if ((await archive.entry(DIRECTORY_ENTRY)) === undefined) throw new StoreLocationError(`it has no archive ${name}`);
  await archive.claim(NEVER_STOPPED);
  try {
    for (const file of ERASED) await rm(join(archive.path, file), { force: true });
    await archive.sync();
    const kept = await readdir(archive.path);
    if (kept.length > 0) return kept;
    await rmdir(archive.path);
    await new DiskDirectory(path).sync();
    return [];
  } finally {
    await archive.release();
  }
}
