import { type StoreFile, writeAll } from '../disk/file_system';
import { formatRecord, parseRecord } from '../log/record_file';

const SLOTS = 2;

/**
 * `bets.mark`: the offset in bets.csv up to which all bets were acknowledged. It reveals a loss of acknowledged bets at
 * the end of their files. It is written after each commit and not flushed (docs/decisions/0004).
 *
 * The file has two slots of equal size, overwritten in turn, so a torn write leaves the other slot intact.
 */
export class CommitWatermark {
  private slot = 0;

  constructor(private readonly file: StoreFile) {}

  /** The highest offset in the file, or undefined if both slots are invalid. */
  async read(): Promise<number | undefined> {
    const bytes = Buffer.alloc(SLOTS * SLOT_BYTES);
    await this.file.read(bytes, 0);
    const marks: (number | undefined)[] = [];
    for (let slot = 0; slot < SLOTS; slot++) marks.push(parseSlot(bytes.subarray(slot * SLOT_BYTES)));
    const highest = marks.reduce((one, other) => ((other ?? -1) > (one ?? -1) ? other : one));
    this.slot = (marks.indexOf(highest) + 1) % SLOTS;
    return highest;
  }

  /** Overwrites the slot with the older offset. After a failure the next call uses the same slot. */
  async write(offset: number): Promise<void> {
    await writeAll(this.file, [formatSlot(offset)], this.slot * SLOT_BYTES);
    this.slot = (this.slot + 1) % SLOTS;
  }

  async sync(): Promise<void> {
    await this.file.sync();
  }
}

/** The content of the file with this offset in both slots. */
export function formatMark(offset: number): Buffer {
  return Buffer.concat(Array.from({ length: SLOTS }, () => formatSlot(offset)));
}

/** Sixteen digits, enough for every safe integer. */
function formatSlot(offset: number): Buffer {
  return formatRecord(String(offset).padStart(16, '0'));
}

const SLOT_BYTES = formatSlot(0).length;

function parseSlot(bytes: Buffer): number | undefined {
  const record = parseRecord(bytes.toString('latin1', 0, SLOT_BYTES - 1));
  return record === undefined || bytes[SLOT_BYTES - 1] !== 0x0a ? undefined : Number(record);
}
