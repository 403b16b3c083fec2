import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open } from 'node:fs/promises';
import { type FileEntry } from './file_entry';

/** What the server makes holds personal data: it is its owner's alone. */
export const PRIVATE_FILE_MODE = 0o600;
export const PRIVATE_DIRECTORY_MODE = 0o700;

/** Makes a directory with mode 0700, whatever the umask. */
export async function makePrivateDirectory(path: string): Promise<void> {
  await mkdir(path, { mode: PRIVATE_DIRECTORY_MODE });
  // A umask may have taken the owner's bits too.
  await chmod(path, PRIVATE_DIRECTORY_MODE);
}

/** Makes a file with mode 0600, whatever the umask, and opens it for reading and writing. It must not be there. */
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

/** The group's and the others' bits: what lets them enter the directory, and read the file. */
const WAYS_IN = [
  { enter: 0o010, read: 0o040 },
  { enter: 0o001, read: 0o004 },
] as const;

/** Whether other users than the owner can read the file, as far as it and its directory decide that. */
export function isReadableByOthers(directory: FileEntry, file: FileEntry): boolean {
  return WAYS_IN.some(({ enter, read }) => (directory.mode & enter) !== 0 && (file.mode & read) !== 0);
}

/** As chmod(1) takes it: `0644`. */
export function formatMode({ mode }: FileEntry): string {
  return mode.toString(8).padStart(4, '0');
}
