import { createReadStream } from 'node:fs';

const LINE_FEED = 0x0a;

/** The lines of a file: what progress is measured by. Rejects where it cannot be read. */
export async function countRows(file: string): Promise<number> {
  let lines = 0;
  let last = LINE_FEED;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    for (let at = chunk.indexOf(LINE_FEED); at !== -1; at = chunk.indexOf(LINE_FEED, at + 1)) lines++;
    last = chunk.at(-1)!;
  }
  return last === LINE_FEED ? lines : lines + 1;
}
