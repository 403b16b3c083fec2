import { createTarPacker, type TarPackController } from 'modern-tar';
import { type SnapshotFile } from './store_snapshot';
import { PRIVATE_FILE_MODE } from '../disk/private_files';

/**
 * A tar archive (POSIX ustar, pax from 8 GiB on) of the files, in pieces. A slow reader slows down the reading of the
 * files: at most some MiB wait.
 *
 * @param mtime the time of the files in the archive.
 * @throws the error of the reading of a file.
 */
export async function* archiveOf(files: readonly SnapshotFile[], mtime = new Date()): AsyncGenerator<Uint8Array> {
  const { readable, controller } = createTarPacker();
  // A failure reaches the reader by the controller. After an early end of the reader it has no effect.
  pack(files, controller, mtime).catch((error: Error) => controller.error(error));
  yield* readable;
}

async function pack(files: readonly SnapshotFile[], controller: TarPackController, mtime: Date): Promise<void> {
  for (const file of files) {
    const { name, size } = file;
    const writer = controller.add({ name, size, mtime, mode: PRIVATE_FILE_MODE, type: 'file' }).getWriter();
    // The failure of a write rejects this promise too.
    writer.closed.catch(() => {});
    // The packer keeps a piece until it is read, so it needs a copy.
    for await (const piece of file.read()) await writer.write(Uint8Array.from(piece));
    await writer.close();
  }
  controller.finalize();
}
