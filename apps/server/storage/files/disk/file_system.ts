import { constants } from 'node:fs';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DirectoryLock } from './directory_lock';
import { StoreLocationError } from '../../../domain/store_errors';
import { type FileEntry, toFileEntry } from './file_entry';
import { createPrivateFile, makePrivateDirectory } from './private_files';
import { throwIfStopped } from '../../../domain/stop';

/** A file as seen by the store. Tests replace it to simulate disk failures. Positions and sizes are in bytes. */
export interface StoreFile {
  /** Reads into `target` from `position`. Returns the number of bytes read, 0 at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>;
  /**
   * Writes the buffers consecutively from `position`. Returns the number of bytes written, possibly fewer than given.
   */
  write(buffers: readonly Uint8Array[], position: number): Promise<number>;
  /** Resolves once all written bytes are on the disk (fdatasync(2)). */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** The name of the directory itself among the names of its files. */
export const DIRECTORY_ENTRY = '.';

/** The directory of the store's files. */
export interface StoreDirectory {
  readonly path: string;
  /**
   * The open entries by name, as of their opening: the files, and the directory (`DIRECTORY_ENTRY`) while it is
   * claimed.
   */
  readonly opened: ReadonlyMap<string, FileEntry>;
  /**
   * Creates the directory if it is missing, and locks it for this process.
   *
   * @throws StoreLocationError, StoreInUseError, StoreUnavailableError
   * @throws StoreStoppedError `stop` has fired while another process held the lock.
   */
  claim(stop: AbortSignal): Promise<void>;
  /** Releases the lock. Without a claim it does nothing. */
  release(): Promise<void>;
  /** Opens a file for reading and writing, or returns undefined if it does not exist. */
  open(name: string): Promise<StoreFile | undefined>;
  /** Creates a file, which must not exist. It survives a power cut after the next `sync` of the directory. */
  create(name: string): Promise<StoreFile>;
  /** The entry that a name leads to now, without opening it, or undefined if there is none. */
  entry(name: string): Promise<FileEntry | undefined>;
  /**
   * Resolves once the new files are durable as entries of the directory, and the directory as an entry of its parents.
   */
  sync(): Promise<void>;
}

/** A directory on a local disk. */
export class DiskDirectory implements StoreDirectory {
  readonly opened = new Map<string, FileEntry>();
  private lock: DirectoryLock | undefined;

  constructor(readonly path: string) {}

  async claim(stop: AbortSignal): Promise<void> {
    try {
      await makeDirectory(resolve(this.path));
      this.lock = await DirectoryLock.acquire(this.path, stop);
      this.opened.set(DIRECTORY_ENTRY, await this.lock.entry());
    } catch (cause) {
      throw isUnusable(cause) ? new StoreLocationError(`it cannot be used: ${cause.message}`, { cause }) : cause;
    }
  }

  async release(): Promise<void> {
    await this.lock?.release();
    this.lock = undefined;
    this.opened.delete(DIRECTORY_ENTRY);
  }

  async open(name: string): Promise<StoreFile | undefined> {
    try {
      return await this.keep(name, await open(join(this.path, name), constants.O_RDWR));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async create(name: string): Promise<StoreFile> {
    try {
      return await this.keep(name, await createPrivateFile(join(this.path, name)));
    } catch (cause) {
      throw isUnusable(cause) ? new StoreLocationError(`it cannot be used: ${cause.message}`, { cause }) : cause;
    }
  }

  async entry(name: string): Promise<FileEntry | undefined> {
    try {
      return toFileEntry(await stat(join(this.path, name), { bigint: true }));
    } catch (error) {
      if (NOT_FOUND_CODES.includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
      throw error;
    }
  }

  async sync(): Promise<void> {
    await syncDirectory(this.path);
    // A killed start may have created the directory and its files without flushing the parent directories.
    await syncAncestors(await realpath(this.path));
  }

  private async keep(name: string, handle: FileHandle): Promise<StoreFile> {
    try {
      this.opened.set(name, toFileEntry(await handle.stat({ bigint: true })));
    } catch (error) {
      await handle.close();
      throw error;
    }
    return new DiskFile(handle, () => this.opened.delete(name));
  }
}

class DiskFile implements StoreFile {
  constructor(
    private readonly handle: FileHandle,
    private readonly onClose: () => void,
  ) {}

  async read(target: Uint8Array, position: number): Promise<number> {
    return (await this.handle.read(target, 0, target.length, position)).bytesRead;
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<number> {
    return (await this.handle.writev(buffers, position)).bytesWritten;
  }

  sync(): Promise<void> {
    return this.handle.datasync();
  }

  truncate(size: number): Promise<void> {
    return this.handle.truncate(size);
  }

  async size(): Promise<number> {
    return (await this.handle.stat()).size;
  }

  close(): Promise<void> {
    this.onClose();
    return this.handle.close();
  }
}

/** Opens a file for reading only, or returns undefined if it does not exist. */
export async function openForReading(path: string): Promise<StoreFile | undefined> {
  try {
    return new DiskFile(await open(path, constants.O_RDONLY), () => {});
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes all bytes of the buffers from `position`, in as many writes as needed. */
export async function writeAll(file: StoreFile, buffers: readonly Uint8Array[], position: number): Promise<void> {
  let left = buffers;
  let at = position;
  while (left.length > 0) {
    const written = await file.write(left, at);
    if (written === 0) throw new Error('the disk took no byte');
    at += written;
    left = skipBytes(left, written);
  }
}

/** 1 MiB: large enough for the disk's full speed, small enough to keep the event loop responsive. */
export const READ_PIECE = 1_048_576;

/**
 * The bytes of a file from `start` to `end`, or to the end of the file if that comes first, in pieces. A piece is valid
 * until the next one is requested.
 *
 * @throws StoreStoppedError `stop` has fired.
 */
export async function* readRange(
  file: StoreFile,
  start: number,
  end: number,
  stop: AbortSignal,
): AsyncGenerator<Buffer> {
  const piece = Buffer.allocUnsafe(Math.max(1, Math.min(READ_PIECE, end - start)));
  for (let at = start; at < end;) {
    throwIfStopped(stop);
    const bytesRead = await file.read(piece.subarray(0, Math.min(piece.length, end - at)), at);
    if (bytesRead === 0) return;
    yield piece.subarray(0, bytesRead);
    at += bytesRead;
  }
}

function skipBytes(buffers: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  for (const [index, buffer] of buffers.entries()) {
    if (left < buffer.length) return [buffer.subarray(left), ...buffers.slice(index + 1)];
    left -= buffer.length;
  }
  return [];
}

/**
 * Creates a directory and its parents. Node's recursive `mkdir` never ends if the system reports ENOENT for a directory
 * whose parent exists, as in /proc.
 */
async function makeDirectory(path: string): Promise<void> {
  const parent = dirname(path);
  try {
    await makePrivateDirectory(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || parent === path) throw error;
    await makeDirectory(parent);
    await makePrivateDirectory(path);
  }
}

/**
 * Flushes all parent directories up to the root. Unreadable directories and those without fsync are skipped: the server
 * cannot have created them.
 */
async function syncAncestors(path: string): Promise<void> {
  const parent = dirname(path);
  if (parent === path) return;
  const flushed = syncDirectory(parent).catch((error: unknown) => {
    if (!isUnusable(error) && (error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
  });
  await Promise.all([flushed, syncAncestors(parent)]);
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** The error codes of a path that leads nowhere, see stat(2). */
const NOT_FOUND_CODES = ['ELOOP', 'ENOENT', 'ENOTDIR', 'ESTALE'];

/** The error codes of a path that is no directory or not accessible. Another setting solves these. */
const UNUSABLE_CODES = ['EACCES', 'EEXIST', 'ELOOP', 'ENOENT', 'ENAMETOOLONG', 'ENOTDIR', 'EPERM', 'EROFS'];

function isUnusable(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && UNUSABLE_CODES.includes((error as NodeJS.ErrnoException).code ?? '');
}
