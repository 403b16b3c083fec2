import { lstat, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CodedError } from '../../../../runtime/coded_error';
import { SettingsError } from '../../../../runtime/settings';
import { StoreError } from '../../../domain/store_errors';
import { DiskDirectory } from '../disk/file_system';
import { createPrivateFile, makePrivateDirectory } from '../disk/private_files';
import { type SnapshotFile } from './store_snapshot';

/** The backup could not be written. Nothing of it remains. */
export class BackupError extends CodedError {
  readonly code = 'BACKUP_FAILED';
}

/** The name of a directory until all its files are durable. */
const INCOMPLETE = '.incomplete';

/**
 * Writes the files into a new directory (0700, files 0600). The directory appears under its name once everything in it is
 * durable; after a failure nothing of it remains. A killed process leaves `PATH.incomplete`.
 *
 * @throws SettingsError the directory exists, or one that an earlier call has left.
 * @throws BackupError a file could not be written.
 * @throws StoreError the reading of a file failed.
 */
export async function writeBackupDirectory(path: string, files: readonly SnapshotFile[]): Promise<void> {
  const incomplete = `${path.replace(/(?<=.)\/+$/, '')}${INCOMPLETE}`;
  if (await exists(path)) throw new SettingsError(`${path} exists: a backup needs a new directory`);
  if (await exists(incomplete))
    throw new SettingsError(`${incomplete} is left from an earlier backup: remove it first`);
  try {
    await makePrivateDirectory(incomplete);
    try {
      for (const file of files) await writeFile(join(incomplete, file.name), file);
      await new DiskDirectory(incomplete).sync();
      await rename(incomplete, path);
    } catch (error) {
      await rm(incomplete, { recursive: true, force: true });
      throw error;
    }
    await new DiskDirectory(dirname(incomplete)).sync();
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    throw new BackupError(`the backup cannot be written to ${path}: ${(cause as Error).message}`, { cause });
  }
}

async function writeFile(path: string, file: SnapshotFile): Promise<void> {
  const handle = await createPrivateFile(path);
  try {
    for await (const piece of file.read()) await handle.writeFile(piece);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
