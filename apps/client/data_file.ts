import { type BigIntStats } from 'node:fs';
import { constants, open, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { SettingsError } from '../runtime/settings';
import { SourceChangedError, SourceUnreadableError } from './bet_source';
import { StoppedError } from './errors';
import { orStopped } from './or_stopped';

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

/** How long a close may take: it waits for a read that was called off and goes on. */
const CLOSE_MS = 250;

/**
 * A file of bets. It must be a regular one: an upload reads it again from its start after each lost connection, which
 * gives the same rows from no pipe, socket or device; and it must stay as it was when it was opened for the first time,
 * by its length, the time of its last write, and which file it is (stat(2)). That time is counted in nanoseconds and is as
 * exact as the kernel's clock for files, 1 to 10 ms: of two writes in that time that leave the length alone, the second
 * goes unnoticed, as does a write whose time was set back.
 *
 * Each wait for the disk ends with a StoppedError once its `stop` fires, however long the disk takes.
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
  async requireRegular(stop: AbortSignal): Promise<void> {
    const looking = this.fileSystem.stat(this.path, AS_BIGINT).catch(() => undefined);
    const stats = await orStopped(looking, stop);
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
  async open(stop: AbortSignal): Promise<OpenDataFile> {
    this.requireSame(await this.look(stop));
    const open = new OpenDataFile(this.path, await this.openFile(stop), stop);
    try {
      const stats = await open.stat();
      this.requireSame(stats);
      this.first ??= stats;
      return open;
    } catch (error) {
      await open.close().catch(() => {});
      throw error;
    }
  }

  /**
   * Looks whether the file is still as it was when it was opened for the first time, and still at its path.
   *
   * @throws SourceChangedError
   * @throws SourceUnreadableError it cannot be looked at.
   */
  async requireUnchanged(stop: AbortSignal): Promise<void> {
    this.requireSame(await this.look(stop));
  }

  private async openFile(stop: AbortSignal): Promise<OpenFile> {
    const opening = this.fileSystem.open(this.path, READ_ONLY);
    try {
      return await readable(this.path, orStopped(opening, stop));
    } catch (error) {
      // Where the open was only called off, the file may yet come.
      opening.then((file) => file.close()).catch(() => {});
      throw error;
    }
  }

  private async look(stop: AbortSignal): Promise<BigIntStats> {
    const looking = this.fileSystem.stat(this.path, AS_BIGINT).catch((cause: NodeJS.ErrnoException) => {
      if (this.first !== undefined && cause.code === 'ENOENT') throw this.changed('it is not there any more', cause);
      throw unreadable(this.path, cause);
    });
    return orStopped(looking, stop);
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
    private readonly path: string,
    private readonly file: OpenFile,
    private readonly stop: AbortSignal,
  ) {}

  /** @throws SourceUnreadableError */
  async stat(): Promise<BigIntStats> {
    return readable(this.path, orStopped(this.file.stat(AS_BIGINT), this.stop));
  }

  /**
   * Reads on from where the last read ended, and puts at most `length` bytes at `offset`.
   *
   * @returns how many bytes were read; 0 at the end of the file.
   * @throws SourceUnreadableError
   */
  async read(buffer: Buffer, offset: number, length: number): Promise<number> {
    const reading = this.file.read(buffer, offset, length, null);
    const { bytesRead } = await readable(this.path, orStopped(reading, this.stop));
    return bytesRead;
  }

  /**
   * Closes it, also after the stop.
   *
   * @throws SourceUnreadableError it failed, or takes too long: it is left to the end of the process.
   */
  async close(): Promise<void> {
    const closed = new AbortController();
    const tooLong = delay(CLOSE_MS, undefined, { signal: closed.signal }).then(() => {
      throw new Error(`the disk does not answer within ${CLOSE_MS} ms`);
    });
    try {
      await Promise.race([this.file.close(), tooLong]);
    } catch (cause) {
      throw new SourceUnreadableError(`${this.path} cannot be closed: ${(cause as Error).message}`, { cause });
    } finally {
      closed.abort();
    }
  }
}

/** @throws SourceUnreadableError in place of what `work` throws, a stop excepted. */
async function readable<Result>(path: string, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof StoppedError ? error : unreadable(path, error);
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
