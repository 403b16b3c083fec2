import { access, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskDirectory } from './disk/file_system';
import { makePrivateDirectory } from './disk/private_files';
import { NEVER_STOPPED } from '../domain/stop';

/**
 * The store's files, in the order in which they are moved. bets.journal goes last: a store of which a crash left only a
 * part is refused by the server, not taken for a new one, and archiving it again moves the rest.
 */
const FILES = ['draw.journal', 'finished.journal', 'bets.mark', 'bets.csv', 'bets.journal'];

/**
 * Moves the store that lies in a directory to `archive-TIME` inside it, so that the next server begins a new draw.
 * Nothing is copied and nothing deleted; a server on the archive's path would serve the old draw again.
 *
 * @returns the archive's path; undefined where nothing is stored.
 * @throws StoreInUseError a server uses the directory. @throws StoreDirectoryError, StoreUnavailableError
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

/** `archive-20260131T235959Z`; a second one of the same second gets a number. */
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
