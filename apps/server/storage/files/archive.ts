import { access, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskDirectory } from './disk/file_system';
import { makePrivateDirectory } from './disk/private_files';
import { NEVER_STOPPED } from '../../domain/stop';

/**
 * The store's files, in the order of their move. bets.journal is the last: after a crash in between, the server refuses
 * the partial store instead of taking it for a new one. A repeated call moves the rest.
 */
const FILES = ['draw.json', 'draw.journal', 'finished.journal', 'bets.mark', 'bets.csv', 'bets.journal'];

/**
 * Moves the store of a directory to `archive-TIME` inside it, so that the next server begins a new draw. Nothing is
 * copied or deleted. A server started on the archive's path serves the old draw again.
 *
 * @returns the archive's path, or undefined if nothing is stored.
 * @throws StoreInUseError a server uses the directory.
 * @throws StoreLocationError, StoreUnavailableError
 */
export async function archiveStore(path: string, now = new Date()): Promise<string | undefined> {
  const directory = new DiskDirectory(path);
  await directory.claim(NEVER_STOPPED);
  try {
    const present: string[] = [];
    for (const name of FILES) if (await exists(join(path, name))) present.push(name);
    if (present.length === 0) return undefined;
    const archive = await makeArchive(path, now);
    for (const name of present) await rename(join(path, name), join(archive, name));
    await new DiskDirectory(archive).sync();
    await directory.sync();
    return archive;
  } finally {
    await directory.release();
  }
}

/** The name of the archive, `archive-20260131T235959Z`. A second one in the same second gets a number. */
async function makeArchive(path: string, now: Date): Promise<string> {
  const time = now.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  for (let number = 1; ; number++) {
    const archive = join(path, `archive-${time}${number === 1 ? '' : `-${number}`}`);
    try {
      await makePrivateDirectory(archive);
      return archive;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
