import { type BigIntStats, linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';

/**
 * Removes the file of a Unix socket on which no process listens: a process that was ended by SIGKILL leaves its file, and
 * bind(2) then fails with EADDRINUSE for ever.
 *
 * The check for a listener is an attempt to connect, which a live listener gets as a connection that ends at
 * once. Anything but a refusal (ECONNREFUSED) counts as an answer, and a file that is no socket stays.
 *
 * @param isWanted whether the file is still to be removed, when the attempt to connect has ended.
 * @returns whether the path is free.
 * @throws Error of the file system.
 */
export async function removeStaleSocket(path: string, isWanted: () => boolean): Promise<boolean> {
  const found = statOf(path);
  if (found === undefined) return true;
  if (!found.isSocket() || !(await isRefused(path))) return false;
  return isWanted() && removeFile(path, found);
}

async function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path, () => {
      resolve(false);
      probe.destroy();
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}

/**
 * Removes the file if it is still the one that was found. Another process may have replaced it meanwhile, and may listen:
 * the file is moved first, which only one process can do, and goes back if it is another one.
 */
function removeFile(path: string, found: BigIntStats): boolean {
  const now = statOf(path);
  if (now === undefined) return true;
  if (!isSameFile(now, found)) return false;
  const moved = `${path}.${process.pid}-${Math.random().toString(36).slice(2)}`;
  renameSync(path, moved);
  const isStale = isSameFile(statOf(moved), found);
  try {
    if (!isStale) linkSync(moved, path);
  } finally {
    unlinkSync(moved);
  }
  return isStale;
}

function statOf(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

/** The number of an inode is used again; the time of its creation tells the two apart. */
function isSameFile(one: BigIntStats | undefined, other: BigIntStats): boolean {
  return one?.dev === other.dev && one.ino === other.ino && one.mtimeNs === other.mtimeNs;
}
