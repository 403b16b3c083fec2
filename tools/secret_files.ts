import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { ComposeFileError } from './compose_file';

const PASSWORD_BYTES = 24;

/** Readable by the user of every container: Compose mounts the file with its owner and mode of this machine. */
const FILE_MODE = 0o444;

/** As above, and writable for its owner: a copy is renewed in place, because a container has the file itself mounted. */
const COPY_MODE = 0o644;

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

/** The file of a secret, and its original. */
export interface SecretCopy {
  readonly file: string;
  readonly copyOf: string;
}

/**
 * Copies certificates and keys for the containers, whose users cannot read the originals: a key has mode 0600 and the
 * owner of this machine. A copy that differs from its original is replaced.
 *
 * @param agencies the number of agencies with a certificate, for the message about missing ones.
 * @returns the number of written files.
 * @throws ComposeFileError an original is missing, and nothing was written; a file cannot be read or written; the
 *   directory of the copies is open to other users.
 */
export function copySecretFiles(copies: readonly SecretCopy[], agencies: number): number {
  requireOriginals(copies, agencies);
  try {
    const contents = copies.map(({ file, copyOf }) => ({ file, content: readFileSync(copyOf) }));
    for (const directory of new Set(copies.map(({ file }) => dirname(file)))) requirePrivateDirectory(directory);
    const changed = contents.filter(({ file, content }) => !existsSync(file) || !readFileSync(file).equals(content));
    for (const { file, content } of changed) {
      writeFileSync(file, content);
      chmodSync(file, COPY_MODE);
    }
    return changed.length;
  } catch (error) {
    if (error instanceof ComposeFileError) throw error;
    throw new ComposeFileError(`the certificates cannot be copied: ${(error as Error).message}`);
  }
}

function requireOriginals(copies: readonly SecretCopy[], agencies: number): void {
  const missing = copies.find(({ copyOf }) => !existsSync(copyOf));
  if (missing === undefined) return;
  const directory = dirname(missing.copyOf);
  const command = `make certificates AGENCIES=${Math.max(agencies, 1)} DIR=${directory}`;
  if (!existsSync(directory)) throw new ComposeFileError(`there are no certificates in ${directory}: ${command}`);
  throw new ComposeFileError(
    `${directory} has no ${basename(missing.copyOf)}, which --tls needs: for new certificates, remove the directory, then ${command}`,
  );
}

function requirePrivateDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
  const mode = statSync(directory).mode & 0o777;
  if ((mode & OTHER_USERS) === 0) return;
  throw new ComposeFileError(
    `other users can read the secrets in ${directory} (mode ${mode.toString(8)}): chmod 700 ${directory}`,
  );
}

function createSecretFile(file: string): void {
  writeFileSync(file, randomBytes(PASSWORD_BYTES).toString('base64url'), { flag: 'wx' });
  // Independent of the process's umask.
  chmodSync(file, FILE_MODE);
}
