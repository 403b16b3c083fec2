import { type FileHandle } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { StoreInUseError } from '../../../domain/store_errors';
import { throwIfStopped } from '../../../domain/stop';
import { type FileEntry, toFileEntry } from './file_entry';
import { type DirectoryLocker, lockerOf } from './directory_lockers';

/** The time for retries on a locked directory: a killed process needs a moment to disappear. */
const RETRY_TIME_MS = 1_000;
const PAUSE_MS = 25;

/**
 * A directory for the exclusive use of one process. The lock is that of flock(2) on the directory itself: it cannot be
 * stale, and it holds between containers that share a volume (docs/decisions/0005).
 */
export class DirectoryLock {
  private constructor(private readonly directory: FileHandle) {}

  /**
   * @throws StoreInUseError another process has held the lock for a second.
   * @throws StoreStoppedError `stop` has fired meanwhile.
   * @throws StoreUnavailableError flock(1) is missing, or the file system has no locks.
   */
  static async acquire(
    path: string,
    stop: AbortSignal,
    locker: DirectoryLocker = lockerOf(process.platform),
  ): Promise<DirectoryLock> {
    const deadline = performance.now() + RETRY_TIME_MS;
    for (;;) {
      const directory = await locker(path);
      if (directory !== undefined) return new DirectoryLock(directory);
      if (performance.now() >= deadline) throw new StoreInUseError(`${path} is in use by another server`);
      throwIfStopped(stop);
      await delay(PAUSE_MS);
    }
  }

  /** The locked directory, even if its path leads elsewhere by now. */
  async entry(): Promise<FileEntry> {
    return toFileEntry(await this.directory.stat({ bigint: true }));
  }

  async release(): Promise<void> {
    await this.directory.close();
  }
}
