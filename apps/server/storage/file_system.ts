import { constants, type Stats } from 'node:fs';
import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A file, as far as the store needs one: the seam at which tests make a disk fail. Positions and sizes in bytes. */
export interface StoreFile {
  /** Reads into `target` from `position`; returns how many bytes, 0 at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** Writes the buffers one behind the other from `position`; returns how many bytes, which may be fewer. */
  write(buffers: readonly Uint8Array[], position: number): Promise<number>;
  /** Returns when what was written is on the disk (fdatasync(2)). */
  flush(): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** The directory that the store's files lie in. */
export interface StoreDirectory {
  readonly path: string;
  /** Opens a file for reading and writing; one that is not there is made, and the directory flushed. */
  open(name: string): Promise<StoreFile>;
  /** The size of a file; 0 where there is none. */
  sizeOf(name: string): Promise<number>;
}

/** A directory of this machine; it is made where it is missing. */
export class DiskDirectory implements StoreDirectory {
  constructor(readonly path: string) {}

  async open(name: string): Promise<StoreFile> {
    await mkdir(this.path, { recursive: true });
    const file = join(this.path, name);
    try {
      return new DiskFile(await open(file, constants.O_RDWR));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    const created = await open(file, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o644);
    await this.flushEntries();
    return new DiskFile(created);
  }

  async sizeOf(name: string): Promise<number> {
    try {
      return (await stat(join(this.path, name))).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw error;
    }
  }

  /** A new file survives a power cut only once its directory is on the disk too (fsync(2)). */
  private async flushEntries(): Promise<void> {
    const directory = await open(this.path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}

class DiskFile implements StoreFile {
  constructor(private readonly handle: FileHandle) {}

  async read(target: Uint8Array, position: number): Promise<number> {
    return (await this.handle.read(target, 0, target.length, position)).bytesRead;
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<number> {
    return (await this.handle.writev(buffers, position)).bytesWritten;
  }

  flush(): Promise<void> {
    return this.handle.datasync();
  }

  truncate(size: number): Promise<void> {
    return this.handle.truncate(size);
  }

  async size(): Promise<number> {
    const { size }: Stats = await this.handle.stat();
    return size;
  }

  close(): Promise<void> {
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

/** The bytes of a file from `start` up to `end`, or up to the file's end where that is sooner, in pieces. */
export async function* readRange(file: StoreFile, start: number, end: number): AsyncGenerator<Buffer> {
  const piece = Buffer.allocUnsafe(Math.max(1, Math.min(READ_PIECE, end - start)));
  for (let at = start; at < end;) {
    const bytesRead = await file.read(piece.subarray(0, Math.min(piece.length, end - at)), at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}

/** 1 MiB: large enough that a disk is read at its speed, small enough that nobody else waits for the thread. */
const READ_PIECE = 1_048_576;

function withoutFirst(buffers: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  for (const [index, buffer] of buffers.entries()) {
    if (left < buffer.length) return [buffer.subarray(left), ...buffers.slice(index + 1)];
    left -= buffer.length;
  }
  return [];
}
