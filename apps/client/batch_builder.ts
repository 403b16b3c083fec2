import { MSG_MAX_LENGTH } from '../lottery/protocol';
import { type OutgoingBatch } from './bet_source';

const LINE_FEED = 0x0a;

/** Puts rows together into batches as large as the protocol and the settings allow. */
export class BatchBuilder {
  private value = Buffer.allocUnsafeSlow(MSG_MAX_LENGTH);
  private used = 0;
  private count = 0;

  /** @param maxBets the most bets in a batch; 0: as many as fit. */
  constructor(private readonly maxBets: number) {}

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /**
   * Adds the row `prefix` + `bytes[start…end)`.
   *
   * @returns false where it has no room in this batch: take the batch, and add the row again.
   */
  add(prefix: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
    const separator = this.count === 0 ? 0 : 1;
    const size = separator + prefix.length + end - start;
    if (this.used + size > MSG_MAX_LENGTH || (this.maxBets > 0 && this.count >= this.maxBets)) return false;
    if (separator === 1) this.value[this.used++] = LINE_FEED;
    this.value.set(prefix, this.used);
    this.used += prefix.length;
    this.value.set(bytes.subarray(start, end), this.used);
    this.used += end - start;
    this.count++;
    return true;
  }

  /** The batch so far; the next row begins a new one. */
  take(): OutgoingBatch {
    const batch = { value: this.value.subarray(0, this.used), count: this.count };
    this.value = Buffer.allocUnsafeSlow(MSG_MAX_LENGTH);
    this.used = 0;
    this.count = 0;
    return batch;
  }
}
