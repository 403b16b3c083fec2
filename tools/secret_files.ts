import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ComposeFileError } from './compose_file';

const PASSWORD_BYTES = 24;

/** Readable by the user of every container: Compose mounts the file with its owner and mode of this machine. */
const FILE_MODE = 0o444;

/** The protection on this machine: no other user can enter the directory. */
const DIRECTORY_MODE = 0o700;
const OTHER_USERS = 0o077;

/**
 * Writes a random password to each missing file. Existing files are kept, because a database has their passwords.
 *
 * @returns the number of new files.
 * @throws ComposeFileError a file cannot be written, or its directory is open to other users.
 */
export function createSecretFiles(files: readonly string[]): number {
  try {
    for (const directory of new Set(files.map((file) => dirname(file)))) requirePrivateDirectory(directory);
    const missing = files.filter((file) => !existsSync(file));
    for (const file of missing) createSecretFile(file);
    return missing.length;
  } catch (error) {
    if (error instanceof ComposeFileError) throw error;
    throw new ComposeFileError(`the passwords cannot be written: ${(error as Error).message}`);
  }
}

function requirePrivateDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
  const mode = statSync(directory).mode & 0o777;
  if ((mode & OTHER_USERS) === 0) return;
  throw new ComposeFileError(
    `other users can read the passwords in ${directory} (mode ${mode.toString(8)}): chmod 700 ${directory}`,
  );
}

function createSecretFile(file: string): void {
  writeFileSync(file, randomBytes(PASSWORD_BYTES).toString('base64url'), { flag: 'wx' });
  // Independent of the process's umask.
  chmodSync(file, FILE_MODE);
}
