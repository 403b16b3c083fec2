import { type BigIntStats } from 'node:fs';
import { constants, open, stat } from 'node:fs/promises';
import { SettingsError } from '../runtime/settings';
import { SourceUnreadableError } from './bet_source';

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
 * gives the same rows from no pipe, socket or device.
 */
export class DataFile {
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
   * @throws SourceUnreadableError
   */
  async open(): Promise<OpenDataFile> {
    this.refuseUnlessRegular(await readable(this.path, this.fileSystem.stat(this.path, AS_BIGINT)));
    const file = await readable(this.path, this.fileSystem.open(this.path, READ_ONLY));
    try {
      this.refuseUnlessRegular(await readable(this.path, file.stat(AS_BIGINT)));
      return new OpenDataFile(this.path, file);
    } catch (error) {
      await file.close();
      throw error;
    }
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
    throw new SourceUnreadableError(`${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function describeKind(stats: BigIntStats): string {
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isSocket()) return 'a socket';
  if (stats.isDirectory()) return 'a directory';
  return stats.isBlockDevice() ? 'a block device' : 'a character device';
}
