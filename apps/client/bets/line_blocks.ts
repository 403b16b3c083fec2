import { type OpenDataFile } from './data_file';

const BLOCK_BYTES = 262_144;
const LINE_FEED = 0x0a;

/**
 * A file's lines, many at a time: each block holds whole lines, every one ended by `\n` but perhaps the file's last. A
 * line that is longer than a block comes in pieces. A block is only good until the next one is asked for.
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
