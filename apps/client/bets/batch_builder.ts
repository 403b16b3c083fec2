import { MSG_MAX_LENGTH } from '../../protocol/messages';
import { type OutgoingBatch } from './bet_source';

const LINE_FEED = 0x0a;

/** Builds batches of rows, as large as the protocol and the settings allow. All batches use the same buffer. */
export class BatchBuilder {
  private readonly value = Buffer.allocUnsafeSlow(MSG_MAX_LENGTH);
  private readonly target = viewOf(this.value);
  private source: Uint8Array = this.value;
  private sourceView = this.target;
  private used = 0;
  private rows = 0;
  private rowRejected = false;
  /** The largest number of bets in the current batch. */
  private limit: number;

  /**
   * @param maxBets the largest number of bets in a batch; 0 sets no limit but the length of a message.
   * @param betsLeft the largest number of bets in all batches together.
   */
  constructor(
    private readonly maxBets: number,
    private betsLeft = Infinity,
  ) {
    this.limit = this.nextLimit();
  }

  /** The number of rows in the batch. */
  get count(): number {
    return this.rows;
  }

  /** Whether the last call of `add` has returned false. */
  get isFull(): boolean {
    return this.rowRejected;
  }

  /**
   * Adds the row `prefix` + `bytes[start…end)`.
   *
   * @returns false if the batch has no room for it: take the batch and add the row again.
   */
  add(prefix: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
    const separator = this.rows === 0 ? 0 : 1;
    const size = separator + prefix.length + end - start;
    this.rowRejected = this.used + size > MSG_MAX_LENGTH || this.rows >= this.limit;
    if (this.rowRejected) return false;
    if (separator === 1) this.value[this.used++] = LINE_FEED;
    for (let index = 0; index < prefix.length; index++) this.value[this.used++] = prefix[index]!;
    this.append(bytes, start, end);
    this.rows++;
    return true;
  }

  /** The current batch. The next row begins a new batch, which overwrites this one. */
  take(): OutgoingBatch {
    const batch = { value: this.value.subarray(0, this.used), count: this.rows };
    this.betsLeft -= this.rows;
    this.limit = this.nextLimit();
    this.used = 0;
    this.rows = 0;
    this.rowRejected = false;
    return batch;
  }

  private nextLimit(): number {
    return Math.min(this.betsLeft, this.maxBets === 0 ? Infinity : this.maxBets);
  }

  /**
   * Copies four bytes at a time, through views: for the 45 bytes of a row, that is three times as fast as byte by byte.
   * The fixed cost of `set` and `copy` alone is higher.
   */
  private append(bytes: Uint8Array, start: number, end: number): void {
    const source = this.viewOf(bytes);
    const { target } = this;
    let used = this.used;
    let at = start;
    for (; at + 4 <= end; at += 4, used += 4) target.setInt32(used, source.getInt32(at));
    for (; at < end; at++, used++) target.setUint8(used, source.getUint8(at));
    this.used = used;
  }

  /** The view of the last source is kept: thousands of successive rows have the same one. */
  private viewOf(bytes: Uint8Array): DataView {
    if (bytes !== this.source) {
      this.source = bytes;
      this.sourceView = viewOf(bytes);
    }
    return this.sourceView;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
