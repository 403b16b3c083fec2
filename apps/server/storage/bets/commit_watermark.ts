import { type StoreFile, writeAll } from '../disk/file_system';
import { formatRecord, parseRecord } from '../log/record_file';

const SLOTS = 2;

/**
 * `bets.mark`: the offset up to which bets.csv was acknowledged. It makes the loss of acknowledged bets show that lay
 * last in their files, and nothing else hangs on it: it is written after a commit is durable and never flushed for it,
 * since the journal's next record says the same.
 *
 * Two lines of one size, overwritten in turn: whatever breaks a write, the other line is whole.
 */
export class CommitWatermark {
  private slot = 0;

  constructor(private readonly file: StoreFile) {}

  /** The highest offset that the file holds; undefined where it holds none. */
  async read(): Promise<number | undefined> {
    const bytes = Buffer.alloc(SLOTS * SLOT_BYTES);
    await this.file.read(bytes, 0);
    const marks: (number | undefined)[] = [];
    for (let slot = 0; slot < SLOTS; slot++) marks.push(parseSlot(bytes.subarray(slot * SLOT_BYTES)));
    const highest = marks.reduce((one, other) => ((other ?? -1) > (one ?? -1) ? other : one));
    this.slot = (marks.indexOf(highest) + 1) % SLOTS;
    return highest;
  }

  /** Writes the offset over the older one. Where it fails, the next call writes to the same place. */
  async write(offset: number): Promise<void> {
    await writeAll(this.file, [formatSlot(offset)], this.slot * SLOT_BYTES);
    this.slot = (this.slot + 1) % SLOTS;
  }

  async sync(): Promise<void> {
    await this.file.sync();
  }
}

/** Sixteen digits: any offset that a number can hold exactly. */
function formatSlot(offset: number): Buffer {
  return formatRecord(String(offset).padStart(16, '0'));
}

const SLOT_BYTES = formatSlot(0).length;

function parseSlot(bytes: Buffer): number | undefined {
  const record = parseRecord(bytes.toString('latin1', 0, SLOT_BYTES - 1));
  return record === undefined || bytes[SLOT_BYTES - 1] !== 0x0a ? undefined : Number(record);
}
