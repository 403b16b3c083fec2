import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { StoreInUseError, StoreUnavailableError } from '../../domain/store_errors';
import { type FileEntry, toFileEntry } from './file_entry';
import { throwIfStopped } from '../../domain/stop';

/** How long a directory that is locked is tried again: as long as a process that was killed may take to be gone. */
const PATIENCE_MS = 1_000;
const PAUSE_MS = 25;

/** What flock(1) answers where the lock is another's (its default for `--conflict-exit-code`). */
const HELD_BY_ANOTHER = 1;

/**
 * A directory that one process at a time may use. The lock is flock(2)'s, on the directory itself: it belongs to the
 * open file, the kernel lets go of it when the process ends, however it ends, and no file is left that could be stale.
 * Process ids play no part, so it also holds between containers that share a volume.
 *
 * Node has no call for it: flock(1) of util-linux sets it on the descriptor that it inherits, where it stays when that
 * helper is gone.
 */
export class DirectoryLock {
  private constructor(private readonly directory: FileHandle) {}

  /**
   * @throws StoreInUseError another process has it, and goes on having it for a second.
   * @throws StoreStoppedError `stop` has fired meanwhile.
   * @throws StoreUnavailableError there is no flock(1) here, or the file system cannot lock.
   */
  static async acquire(path: string, stop: AbortSignal): Promise<DirectoryLock> {
    const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      const deadline = performance.now() + PATIENCE_MS;
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

  /** The directory that is locked, whatever its path leads to. */
  async entry(): Promise<FileEntry> {
    return toFileEntry(await this.directory.stat({ bigint: true }));
  }

  async release(): Promise<void> {
    await this.directory.close();
  }
}

/** Whether the lock is this process's now. Only the helper inherits the descriptor: Node opens with O_CLOEXEC. */
async function tryLock(descriptor: number, path: string): Promise<boolean> {
  const helper = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', descriptor] });
  let complaint = '';
  // A helper that could not be started for want of descriptors has no streams.
  helper.stderr?.on('data', (text: Buffer) => (complaint += text.toString()));
  const [code, signal] = (await once(helper, 'close').catch((cause: unknown) => {
    throw notStarted(cause as NodeJS.ErrnoException, path);
  })) as [number | null, NodeJS.Signals | null];
  if (code === 0) return true;
  if (code === HELD_BY_ANOTHER) return false;
  throw new StoreUnavailableError(
    `${path} cannot be locked: flock: ${complaint.trim() || `ended with ${signal ?? code}`}`,
  );
}

function notStarted(cause: NodeJS.ErrnoException, path: string): StoreUnavailableError {
  const reason = cause.code === 'ENOENT' ? 'flock(1) of util-linux is needed for it' : cause.message;
  return new StoreUnavailableError(`${path} cannot be locked: ${reason}`, { cause });
}
