import { type OpenDataFile } from './data_file';

const BLOCK_BYTES = 262_144;
const LINE_FEED = 0x0a;

/**
 * Reads a file in blocks of complete lines. Every line ends with `\n`, except possibly the last of the file. A line of
 * more than 256 KiB is split over blocks. A block is valid until the next one is read.
 */
export async function* readLineBlocks(file: OpenDataFile): AsyncGenerator<Buffer> {
  const block = Buffer.allocUnsafe(BLOCK_BYTES);
  let filled = 0;
  for (;;) {
    const bytesRead = await file.read(block, filled, block.length - filled);
    filled += bytesRead;
    if (bytesRead === 0) break;
    const linesEnd = block.lastIndexOf(LINE_FEED, filled - 1) + 1;
    const end = linesEnd === 0 && filled === block.length ? filled : linesEnd;
    if (end > 0) yield block.subarray(0, end);
    block.copyWithin(0, end, filled);
    filled -= end;
  }
  if (filled > 0) yield block.subarray(0, filled);
}
