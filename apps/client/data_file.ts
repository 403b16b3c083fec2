import { type BigIntStats } from 'node:fs';
import { constants, open, stat } from 'node:fs/promises';
import { SettingsError } from '../runtime/settings';
import { SourceChangedError, SourceUnreadableError } from './bet_source';

/** What a data file needs of `node:fs/promises`. */
export interface FileSystem {
  readonly open: (path: string, flags: number) => Promise<OpenFile>;
  readonly stat: (path: string, options: { readonly bigint: true }) => Promise<BigIntStats>;
}

/** What is needed of a `FileHandle`. */
export interface OpenFile {
  readonly stat: (options: { readonly bigint: true }) => Promise<BigIntStats>;
  readonly read: (buffer: Buffer, offset: number, length: number, position: null) => Promise<{ bytesRead: number }>;
  readonly close: () => Promise<void>;
}

const AS_BIGINT = { bigint: true } as const;

/**
 * The flags of open(2). O_NONBLOCK: the open of a pipe that nobody writes to would hold a thread of the pool for ever;
 * a regular file is not concerned. O_NOCTTY: a terminal does not become the process's own.
 */
const READ_ONLY = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * A file of bets. It must be a regular one: an upload reads it again from its start after each lost connection, which
 * gives the same rows from no pipe, socket or device; and it must stay as it was when it was opened for the first time,
 * by its length, the time of its last write, and which file it is (stat(2)). That time is counted in nanoseconds and is as
 * exact as the kernel's clock for files, 1 to 10 ms: of two writes in that time that leave the length alone, the second
 * goes unnoticed, as does a write whose time was set back.
 */
export class DataFile {
  /** The file as it was when it was opened for the first time. */
  private first: BigIntStats | undefined;

  constructor(
    readonly path: string,
    private readonly fileSystem: FileSystem = { open, stat },
  ) {}

  /**
   * Refuses what is no regular file. A file that is missing, or cannot be looked at, is left to `open`.
   *
   * @throws SettingsError
   */
  async requireRegular(): Promise<void> {
    const stats = await this.fileSystem.stat(this.path, AS_BIGINT).catch(() => undefined);
    if (stats !== undefined) this.refuseUnlessRegular(stats);
  }

  /**
   * Opens the file. What is at the path is looked at before and after: a device is not even opened, and nobody can put a
   * pipe there in between.
   *
   * @throws SettingsError it is no regular file.
   * @throws SourceChangedError it is not as it was when it was opened before.
   * @throws SourceUnreadableError
   */
  async open(): Promise<OpenDataFile> {
    this.requireSame(await this.look());
    const file = await readable(this.path, this.fileSystem.open(this.path, READ_ONLY));
    try {
      const stats = await readable(this.path, file.stat(AS_BIGINT));
      this.requireSame(stats);
      this.first ??= stats;
      return new OpenDataFile(this.path, file);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Looks whether the file is still as it was when it was opened for the first time, and still at its path.
   *
   * @throws SourceChangedError
   * @throws SourceUnreadableError it cannot be looked at.
   */
  async requireUnchanged(): Promise<void> {
    this.requireSame(await this.look());
  }

  private async look(): Promise<BigIntStats> {
    try {
      return await this.fileSystem.stat(this.path, AS_BIGINT);
    } catch (cause) {
      if (this.first !== undefined && (cause as NodeJS.ErrnoException).code === 'ENOENT') {
        throw this.changed('it is not there any more', cause);
      }
      throw unreadable(this.path, cause);
    }
  }

  private requireSame(stats: BigIntStats): void {
    const { first } = this;
    if (first === undefined) return this.refuseUnlessRegular(stats);
    if (stats.dev !== first.dev || stats.ino !== first.ino) throw this.changed('another file is in its place');
    if (stats.size !== first.size) throw this.changed(`it had ${first.size} bytes and has ${stats.size}`);
    if (stats.mtimeNs !== first.mtimeNs) throw this.changed('it was written to');
  }

  private changed(how: string, cause?: unknown): SourceChangedError {
    return new SourceChangedError(
      `${this.path} has changed since its upload began (${how}): its bets are not closed; start the agency again ` +
        'when nobody writes to it, with the rows that are stored as they were',
      { cause },
    );
  }

  private refuseUnlessRegular(stats: BigIntStats): void {
    if (stats.isFile()) return;
    throw new SettingsError(
      `the data file ${this.path} is ${describeKind(stats)}: bets must be in a regular file, which can be read again`,
    );
  }
}

/** A data file while it is open. */
export class OpenDataFile {
  constructor(
    readonly path: string,
    private readonly file: OpenFile,
  ) {}

  /**
   * Reads on from where the last read ended, and puts at most `length` bytes at `offset`.
   *
   * @returns how many bytes were read; 0 at the end of the file.
   * @throws SourceUnreadableError
   */
  async read(buffer: Buffer, offset: number, length: number): Promise<number> {
    const { bytesRead } = await readable(this.path, this.file.read(buffer, offset, length, null));
    return bytesRead;
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}

/** @throws SourceUnreadableError in place of what `work` throws. */
async function readable<Result>(path: string, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): SourceUnreadableError {
  return new SourceUnreadableError(`${path} cannot be read: ${(cause as Error).message}`, { cause });
}

function describeKind(stats: BigIntStats): string {
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isSocket()) return 'a socket';
  if (stats.isDirectory()) return 'a directory';
  return stats.isBlockDevice() ? 'a block device' : 'a character device';
}
