import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileEntry, toFileEntry } from './file_entry';
import { openForReading, type StoreFile } from './file_system';

/** The directory of a store, for a program that changes nothing in it. A server may run on it. */
export class ReadOnlyDirectory {
  constructor(readonly path: string) {}

  /** Opens a file for reading, or returns undefined if it does not exist. */
  async open(name: string): Promise<StoreFile | undefined> {
    return openForReading(join(this.path, name));
  }

  /** The entry that a name leads to now, or undefined if there is none. */
  async entry(name: string): Promise<FileEntry | undefined> {
    try {
      return toFileEntry(await stat(join(this.path, name), { bigint: true }));
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
      throw error;
    }
  }
}
