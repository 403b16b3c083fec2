import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { StoreUnavailableError } from '../../../domain/store_errors';

/**
 * Opens a directory and locks it, as flock(2) does. The lock belongs to the open file: the kernel releases it at the
 * close, or at the end of the process.
 *
 * @returns undefined if another process holds the lock.
 * @throws StoreUnavailableError the lock cannot be set. Errors of open(2) are thrown as they are.
 */
export type DirectoryLocker = (path: string) => Promise<FileHandle | undefined>;

/** The locker of a system: macOS has no flock(1), and its open(2) can lock; Linux is the other way round. */
export function lockerOf(platform: NodeJS.Platform): DirectoryLocker {
  return platform === 'darwin' ? lockByOpen : lockByFlock;
}

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;

/** The exit code of flock(1) for a lock held by another process (its default for `--conflict-exit-code`). */
const HELD_BY_ANOTHER = 1;

/**
 * Node has no call for flock(2). A helper process, flock(1) of util-linux or BusyBox, sets the lock on an inherited
 * descriptor, and the lock stays after the helper's exit.
 */
export async function lockByFlock(path: string): Promise<FileHandle | undefined> {
  const directory = await open(path, DIRECTORY);
  let isLocked = false;
  try {
    isLocked = await tryFlock(directory.fd, path);
    return isLocked ? directory : undefined;
  } finally {
    if (!isLocked) await directory.close();
  }
}

/** Whether this process has the lock now. Only the helper inherits the descriptor: Node opens with O_CLOEXEC. */
async function tryFlock(descriptor: number, path: string): Promise<boolean> {
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

/** O_EXLOCK of macOS (open(2), sys/fcntl.h), which Node's constants do not have. */
const O_EXLOCK = 0x20;

/**
 * Locks by the open(2) of macOS. Without O_NONBLOCK it would wait for the lock.
 *
 * @param openFile the `open` of node:fs/promises. Tests replace it.
 */
export async function lockByOpen(
  path: string,
  openFile: (path: string, flags: number) => Promise<FileHandle> = open,
): Promise<FileHandle | undefined> {
  try {
    return await openFile(path, DIRECTORY | constants.O_NONBLOCK | O_EXLOCK);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'EAGAIN') return undefined;
    if (code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw cause;
    throw new StoreUnavailableError(`${path} cannot be locked: ${message}`, { cause });
  }
}
