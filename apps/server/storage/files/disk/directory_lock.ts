import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { StoreInUseError, StoreUnavailableError } from '../../../domain/store_errors';
import { type FileEntry, toFileEntry } from './file_entry';
import { throwIfStopped } from '../../../domain/stop';

/** The time for retries on a locked directory: a killed process needs a moment to disappear. */
const RETRY_TIME_MS = 1_000;
const PAUSE_MS = 25;

/** The exit code of flock(1) for a lock held by another process (its default for `--conflict-exit-code`). */
const HELD_BY_ANOTHER = 1;

/**
 * A directory for the exclusive use of one process. The lock is set by flock(1) on the directory itself: it cannot be
 * stale, and it holds between containers that share a volume (docs/decisions/0005).
 *
 * Node has no call for flock(2). The helper process sets the lock on an inherited descriptor, and the lock stays after
 * the helper's exit.
 */
export class DirectoryLock {
  private constructor(private readonly directory: FileHandle) {}

  /**
   * @throws StoreInUseError another process has held the lock for a second.
   * @throws StoreStoppedError `stop` has fired meanwhile.
   * @throws StoreUnavailableError flock(1) is missing, or the file system has no locks.
   */
  static async acquire(path: string, stop: AbortSignal): Promise<DirectoryLock> {
    const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      const deadline = performance.now() + RETRY_TIME_MS;
      while (!(await tryLock(directory.fd, path))) {
        if (performance.now() >= deadline) throw new StoreInUseError(`${path} is in use by another server`);
        throwIfStopped(stop);
        await delay(PAUSE_MS);
      }
      return new DirectoryLock(directory);
    } catch (error) {
      await directory.close();
      throw error;
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

/** Whether this process has the lock now. Only the helper inherits the descriptor: Node opens with O_CLOEXEC. */
async function tryLock(descriptor: number, path: string): Promise<boolean> {
  const helper = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', descriptor] });
  let errorOutput = '';
  // A helper without descriptors at its start has no streams.
  helper.stderr?.on('data', (text: Buffer) => (errorOutput += text.toString()));
  const [code, signal] = (await once(helper, 'close').catch((cause: unknown) => {
    throw notStarted(cause as NodeJS.ErrnoException, path);
  })) as [number | null, NodeJS.Signals | null];
  if (code === 0) return true;
  if (code === HELD_BY_ANOTHER) return false;
  throw new StoreUnavailableError(
    `${path} cannot be locked: flock: ${errorOutput.trim() || `ended with ${signal ?? code}`}`,
  );
}

function notStarted(cause: NodeJS.ErrnoException, path: string): StoreUnavailableError {
  const reason = cause.code === 'ENOENT' ? 'flock(1) of util-linux is needed for it' : cause.message;
  return new StoreUnavailableError(`${path} cannot be locked: ${reason}`, { cause });
}
