import { type DataFile } from './data_file';
import { readLineBlocks } from './line_blocks';

const LINE_FEED = 0x0a;

/**
 * Counts the lines of a file, for the total of a progress bar.
 *
 * @throws SettingsError not a regular file. @throws SourceUnreadableError. @throws StoppedError
 */
export async function countRows(data: DataFile, stop: AbortSignal): Promise<number> {
  const file = await data.open(stop);
  try {
    let lines = 0;
    let last = LINE_FEED;
    for await (const block of readLineBlocks(file)) {
      for (let at = block.indexOf(LINE_FEED); at !== -1; at = block.indexOf(LINE_FEED, at + 1)) lines++;
      last = block.at(-1)!;
    }
    return last === LINE_FEED ? lines : lines + 1;
  } finally {
    await file.close().catch(() => {});
  }
}
