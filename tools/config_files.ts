import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ComposeFileError, type ConfigFile } from './compose_file';

/** Readable by the user of every container: Compose mounts the file with its owner and mode of this machine. */
const FILE_MODE = 0o644;

/**
 * Writes the configurations of containers. An older file is replaced.
 *
 * @throws ComposeFileError a file cannot be written.
 */
export function writeConfigFiles(files: readonly ConfigFile[]): void {
  try {
    for (const { file, content } of files) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
      // Independent of the process's umask.
      chmodSync(file, FILE_MODE);
    }
  } catch (error) {
    throw new ComposeFileError(`the configuration cannot be written: ${(error as Error).message}`);
  }
}
