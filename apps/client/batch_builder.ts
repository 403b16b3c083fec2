import { MSG_MAX_LENGTH } from '../lottery/protocol';
import { type OutgoingBatch } from './bet_source';

const LINE_FEED = 0x0a;

/** Puts rows together into batches as large as the protocol and the settings allow, all in the same memory. */
export class BatchBuilder {
  private readonly value = Buffer.allocUnsafeSlow(MSG_MAX_LENGTH);
  private used = 0;
  private rows = 0;
  private refusing = false;

  /** @param maxBets the most bets in a batch; 0: as many as fit. */
  constructor(private readonly maxBets: number) {}

  /** How many rows the batch has so far. */
  get count(): number {
    return this.rows;
  }

  /** Whether the row that was to be added last had no room. */
  get isFull(): boolean {
    return this.refusing;
  }

  /**
   * Adds the row `prefix` + `bytes[start…end)`.
   *
   * @returns false where it has no room in this batch: take the batch, and add the row again.
   */
  add(prefix: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
    const separator = this.rows === 0 ? 0 : 1;
    const size = separator + prefix.length + end - start;
    this.refusing = this.used + size > MSG_MAX_LENGTH || (this.maxBets > 0 && this.rows >= this.maxBets);
    if (this.refusing) return false;
    if (separator === 1) this.value[this.used++] = LINE_FEED;
    this.append(prefix, 0, prefix.length);
    this.append(bytes, start, end);
    this.rows++;
    return true;
  }

  /** The batch so far. The next row begins a new one, which overwrites it. */
  take(): OutgoingBatch {
    const batch = { value: this.value.subarray(0, this.used), count: this.rows };
    this.used = 0;
    this.rows = 0;
    this.refusing = false;
    return batch;
  }

  /** Byte by byte: for the few that a row has, faster than making a view of them for `set`. */
  private append(bytes: Uint8Array, start: number, end: number): void {
    const { value } = this;
    let used = this.used;
    for (let at = start; at < end; at++) value[used++] = bytes[at]!;
    this.used = used;
  }
}
