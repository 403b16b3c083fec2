import { constants } from 'node:fs';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DirectoryLock } from './directory_lock';
import { StoreLocationError } from '../../domain/store_errors';
import { type FileEntry, toFileEntry } from './file_entry';
import { createPrivateFile, makePrivateDirectory } from './private_files';
import { throwIfStopped } from '../../domain/stop';

/** A file, as far as the store needs one: the seam at which tests make a disk fail. Positions and sizes in bytes. */
export interface StoreFile {
  /** Reads into `target` from `position`; returns how many bytes, 0 at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** Writes the buffers one behind the other from `position`; returns how many bytes, which may be fewer. */
  write(buffers: readonly Uint8Array[], position: number): Promise<number>;
  /** Returns when what was written is on the disk (fdatasync(2)). */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** The name of the directory itself among those of its files. */
export const ITSELF = '.';

/** The directory that the store's files lie in. */
export interface StoreDirectory {
  readonly path: string;
  /** What is open, by its name: the directory (`ITSELF`) while it is claimed, and files; each as it was when opened. */
  readonly opened: ReadonlyMap<string, FileEntry>;
  /**
   * Makes the directory where it is missing, and takes it for this process alone.
   *
   * @throws StoreDirectoryError, StoreInUseError, StoreUnavailableError
   * @throws StoreStoppedError `stop` has fired while another had it.
   */
  claim(stop: AbortSignal): Promise<void>;
  /** Lets others claim it. Does nothing where it is not claimed. */
  release(): Promise<void>;
  /** Opens a file for reading and writing; undefined where there is none. */
  open(name: string): Promise<StoreFile | undefined>;
  /** Makes a file, which must not be there. It survives a power cut once the directory is flushed. */
  create(name: string): Promise<StoreFile>;
  /** What a name leads to now, without opening it; undefined where it leads nowhere. */
  entry(name: string): Promise<FileEntry | undefined>;
  /** Returns when the files that were made are on the disk as entries of the directory, and it as one of those above it. */
  sync(): Promise<void>;
}

/** A directory of this machine. */
export class DiskDirectory implements StoreDirectory {
  readonly opened = new Map<string, FileEntry>();
  private lock: DirectoryLock | undefined;

  constructor(readonly path: string) {}

  async claim(stop: AbortSignal): Promise<void> {
    try {
      await makeDirectory(resolve(this.path));
      this.lock = await DirectoryLock.acquire(this.path, stop);
      this.opened.set(ITSELF, await this.lock.entry());
    } catch (cause) {
      throw isUnusable(cause) ? new StoreLocationError(`it cannot be used: ${cause.message}`, { cause }) : cause;
    }
  }

  async release(): Promise<void> {
    await this.lock?.release();
    this.lock = undefined;
    this.opened.delete(ITSELF);
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
      if (LEADS_NOWHERE.includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
      throw error;
    }
  }

  async sync(): Promise<void> {
    await syncDirectory(this.path);
    // A start that was killed may have made the directory and its files, and not have flushed those above it.
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

/** Writes all of the buffers from `position`, however short the single writes are. */
export async function writeAll(file: StoreFile, buffers: readonly Uint8Array[], position: number): Promise<void> {
  let left = buffers;
  let at = position;
  while (left.length > 0) {
    const written = await file.write(left, at);
    if (written === 0) throw new Error('the disk took no byte');
    at += written;
    left = withoutFirst(left, written);
  }
}

/** 1 MiB: large enough that a disk is read at its speed, small enough that nobody else waits for the thread. */
export const READ_PIECE = 1_048_576;

/**
 * The bytes of a file from `start` up to `end`, or up to the file's end where that is sooner, in pieces. A piece is
 * good until the next one is asked for.
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

function withoutFirst(buffers: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  for (const [index, buffer] of buffers.entries()) {
    if (left < buffer.length) return [buffer.subarray(left), ...buffers.slice(index + 1)];
    left -= buffer.length;
  }
  return [];
}

/**
 * Makes a directory and those above it. (Node's recursive `mkdir` never ends where the system says ENOENT though the
 * directory above is there, as in /proc.)
 */
async function makeDirectory(path: string): Promise<void> {
  const above = dirname(path);
  try {
    await makePrivateDirectory(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || above === path) throw error;
    await makeDirectory(above);
    await makePrivateDirectory(path);
  }
}

/** Up to the root; one that this user may not read, or that cannot be flushed, is none that the server has made. */
async function syncAncestors(path: string): Promise<void> {
  const above = dirname(path);
  if (above === path) return;
  const flushed = syncDirectory(above).catch((error: unknown) => {
    if (!isUnusable(error) && (error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
  });
  await Promise.all([flushed, syncAncestors(above)]);
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** The system's words for a path that leads to nothing, see stat(2). */
const LEADS_NOWHERE = ['ELOOP', 'ENOENT', 'ENOTDIR', 'ESTALE'];

/** The system's words for a path that is no directory, or that this user may not use: what another setting mends. */
const UNUSABLE = ['EACCES', 'EEXIST', 'ELOOP', 'ENOENT', 'ENAMETOOLONG', 'ENOTDIR', 'EPERM', 'EROFS'];

function isUnusable(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && UNUSABLE.includes((error as NodeJS.ErrnoException).code ?? '');
}
