import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open } from 'node:fs/promises';
import { type FileEntry } from './file_entry';

/** The modes of files and directories with personal data: access for the owner only. */
export const PRIVATE_FILE_MODE = 0o600;
export const PRIVATE_DIRECTORY_MODE = 0o700;

/** Creates a directory with mode 0700, independent of the umask. */
export async function makePrivateDirectory(path: string): Promise<void> {
  await mkdir(path, { mode: PRIVATE_DIRECTORY_MODE });
  // A umask may have removed the owner's bits too.
  await chmod(path, PRIVATE_DIRECTORY_MODE);
}

/** Creates a file with mode 0600, independent of the umask, and opens it for reading and writing. It must not exist. */
export async function createPrivateFile(path: string): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
  const handle = await open(path, flags, PRIVATE_FILE_MODE);
  try {
    await handle.chmod(PRIVATE_FILE_MODE);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The permission bits of group and others: entering the directory, and reading the file. */
const FOREIGN_READ_BITS = [
  { enter: 0o010, read: 0o040 },
  { enter: 0o001, read: 0o004 },
] as const;

/** Whether users other than the owner can read the file, according to its mode and that of its directory. */
export function isReadableByOthers(directory: FileEntry, file: FileEntry): boolean {
  return FOREIGN_READ_BITS.some(({ enter, read }) => (directory.mode & enter) !== 0 && (file.mode & read) !== 0);
}

/** Formats the permission bits for chmod(1): `0644`. */
export function formatMode({ mode }: FileEntry): string {
  return mode.toString(8).padStart(4, '0');
}
