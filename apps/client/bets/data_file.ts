import { type BigIntStats } from 'node:fs';
import { constants, open, stat } from 'node:fs/promises';
import { SettingsError } from '../../runtime/settings';
import { raceStop, StoppedError } from '../stop';
import { SourceChangedError, SourceUnreadableError } from './errors';

/** The functions of `node:fs/promises` that a data file uses. */
export interface FileSystem {
  readonly open: (path: string, flags: number) => Promise<OpenFile>;
  readonly stat: (path: string, options: { readonly bigint: true }) => Promise<BigIntStats>;
}

/** The methods of `FileHandle` that a data file uses. */
export interface OpenFile {
  readonly stat: (options: { readonly bigint: true }) => Promise<BigIntStats>;
  readonly read: (buffer: Buffer, offset: number, length: number, position: null) => Promise<{ bytesRead: number }>;
  readonly close: () => Promise<void>;
}

const AS_BIGINT = { bigint: true } as const;

/**
 * Flags of open(2). Without O_NONBLOCK, the open of a pipe without a writer blocks a thread of the pool for ever; the
 * flag has no effect on a regular file. O_NOCTTY keeps a terminal from becoming the controlling one.
 */
const READ_ONLY = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Time limit of a close, in milliseconds. A `FileHandle` is not closed before its pending read has ended. */
const CLOSE_MS = 250;

/**
 * A file of bets. It must be a regular file: an upload reads it from its start after each lost connection, and a pipe,
 * a socket or a device does not return the same rows twice. It must not change after its first opening: its device,
 * inode, size and modification time (stat(2)) are compared. The unit of that time is a nanosecond, its resolution is
 * the clock tick of the kernel, 1 to 10 ms. Two writes of equal size within one tick are not distinguished, and a
 * modification time that was set back (utimensat(2)) hides a write.
 *
 * Every method rejects with a StoppedError as soon as `stop` fires, even if the disk never responds.
 */
export class DataFile {
  /** The state of the file at its first opening; undefined before it. */
  private baseline: BigIntStats | undefined;

  constructor(
    readonly path: string,
    private readonly fileSystem: FileSystem = { open, stat },
  ) {}

  /**
   * Refuses everything but a regular file. A missing or inaccessible file is not refused here: `open` reports it.
   *
   * @throws SettingsError
   */
  async requireRegular(stop: AbortSignal): Promise<void> {
    const looking = this.fileSystem.stat(this.path, AS_BIGINT).catch(() => undefined);
    const stats = await raceStop(looking, stop);
    if (stats !== undefined) this.requireRegularType(stats);
  }

  /**
   * Opens the file. Its type is checked before and after: a device is never opened, and a pipe that takes the file's
   * place in between is refused.
   *
   * @throws SettingsError not a regular file.
   * @throws SourceChangedError different from its state at the first opening.
   * @throws SourceUnreadableError
   */
  async open(stop: AbortSignal): Promise<OpenDataFile> {
    this.requireSame(await this.statPath(stop));
    const open = new OpenDataFile(this.path, await this.openFile(stop), stop);
    try {
      const stats = await open.stat();
      this.requireSame(stats);
      this.baseline ??= stats;
      return open;
    } catch (error) {
      await open.close().catch(() => {});
      throw error;
    }
  }

  /**
   * Compares the file at the path with its state at the first opening.
   *
   * @throws SourceChangedError
   * @throws SourceUnreadableError
   */
  async requireUnchanged(stop: AbortSignal): Promise<void> {
    this.requireSame(await this.statPath(stop));
  }

  private async openFile(stop: AbortSignal): Promise<OpenFile> {
    const opening = this.fileSystem.open(this.path, READ_ONLY);
    try {
      return await wrapReadError(this.path, raceStop(opening, stop));
    } catch (error) {
      // After a stop the open is still pending, and may yet return a descriptor.
      opening.then((file) => file.close()).catch(() => {});
      throw error;
    }
  }

  private async statPath(stop: AbortSignal): Promise<BigIntStats> {
    const looking = this.fileSystem.stat(this.path, AS_BIGINT).catch((cause: NodeJS.ErrnoException) => {
      if (this.baseline !== undefined && cause.code === 'ENOENT')
        throw this.changedError('no file is at this path any more', cause);
      throw unreadableError(this.path, cause);
    });
    return raceStop(looking, stop);
  }

  private requireSame(stats: BigIntStats): void {
    const { baseline } = this;
    if (baseline === undefined) return this.requireRegularType(stats);
    if (stats.dev !== baseline.dev || stats.ino !== baseline.ino)
      throw this.changedError('another file is at this path');
    if (stats.size !== baseline.size) throw this.changedError(`${baseline.size} bytes before, ${stats.size} bytes now`);
    if (stats.mtimeNs !== baseline.mtimeNs) throw this.changedError('its modification time is another one');
  }

  private changedError(how: string, cause?: unknown): SourceChangedError {
    return new SourceChangedError(
      `${this.path} has changed since its upload began (${how}): the agency's bets are not closed; ` +
        'restart it after the last change to the file, in which the stored rows must be the same',
      { cause },
    );
  }

  private requireRegularType(stats: BigIntStats): void {
    if (stats.isFile()) return;
    throw new SettingsError(
      `the data file ${this.path} is ${describeType(stats)}: ` +
        'a regular file is required, since an upload may read it again',
    );
  }
}

/** A data file while it is open. */
export class OpenDataFile {
  constructor(
    private readonly path: string,
    private readonly file: OpenFile,
    private readonly stop: AbortSignal,
  ) {}

  /** @throws SourceUnreadableError */
  async stat(): Promise<BigIntStats> {
    return wrapReadError(this.path, raceStop(this.file.stat(AS_BIGINT), this.stop));
  }

  /**
   * Reads at most `length` bytes from the current position into the buffer, at `offset`.
   *
   * @returns the number of bytes; 0 at the end of the file.
   * @throws SourceUnreadableError
   */
  async read(buffer: Buffer, offset: number, length: number): Promise<number> {
    const reading = this.file.read(buffer, offset, length, null);
    const { bytesRead } = await wrapReadError(this.path, raceStop(reading, this.stop));
    return bytesRead;
  }

  /**
   * Closes the file; works after the stop too.
   *
   * @throws SourceUnreadableError on a failure, and after 250 ms: the descriptor stays open until the process ends.
   */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no response from the disk within ${CLOSE_MS} ms`)), CLOSE_MS);
    });
    try {
      await Promise.race([this.file.close(), tooLong]);
    } catch (cause) {
      throw new SourceUnreadableError(`${this.path} cannot be closed: ${(cause as Error).message}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** @throws SourceUnreadableError in place of any error of `work` but a StoppedError. */
async function wrapReadError<Result>(path: string, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof StoppedError ? error : unreadableError(path, error);
  }
}

function unreadableError(path: string, cause: unknown): SourceUnreadableError {
  return new SourceUnreadableError(`${path} cannot be read: ${(cause as Error).message}`, { cause });
}

function describeType(stats: BigIntStats): string {
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isSocket()) return 'a socket';
  if (stats.isDirectory()) return 'a directory';
  return stats.isBlockDevice() ? 'a block device' : 'a character device';
}
