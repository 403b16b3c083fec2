/** Smaller chunks are copied together into blocks: a peer that trickles bytes cannot make each of them cost an object. */
const SMALL_CHUNK_BYTES = 512;
const BLOCK_BYTES = 4096;
/** The number of empty slots before the first chunk at which the array is compacted. */
const MOST_EMPTY_SLOTS = 32;

const NO_BYTES = Buffer.alloc(0);

/**
 * A queue of received bytes, in the chunks in which they came. Bytes that lie in one chunk are read without a copy, bytes
 * in several chunks with one.
 */
export class ReceiveBuffer {
  /**
   * The chunks are at `head` up to `end`; the slots around them are empty. The array begins with two slots, which is all
   * that most connections need: the first push to an empty array allocates 17.
   */
  private chunks: Buffer[] = [NO_BYTES, NO_BYTES];
  private head = 0;
  private end = 0;
  /** The number of bytes at the beginning of the first chunk that were dropped. */
  private taken = 0;
  private size = 0;
  /** The free bytes after the last chunk, if that is a block. */
  private room = 0;

  /** The number of bytes in the queue. */
  get length(): number {
    return this.size;
  }

  /** The position of the first byte in its chunk: see `chunkHolding`. */
  get offset(): number {
    return this.taken;
  }

  /** Appends a chunk. The buffer may keep it. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.size += chunk.length;
    if (chunk.length >= SMALL_CHUNK_BYTES || this.head === this.end) {
      this.chunks[this.end++] = chunk;
      this.room = 0;
    } else {
      this.appendToBlock(chunk);
    }
  }

  /** Drops all bytes, and releases their memory. */
  clear(): void {
    if (this.size === 0) return;
    this.chunks = [];
    this.head = 0;
    this.end = 0;
    this.taken = 0;
    this.size = 0;
    this.room = 0;
  }

  /** The chunk that has the first `count` bytes, at `offset`; undefined if they lie in several chunks. */
  chunkHolding(count: number): Buffer | undefined {
    if (this.head === this.end) return undefined;
    const first = this.chunks[this.head]!;
    return this.taken + count <= first.length ? first : undefined;
  }

  /** The first `count` bytes, which stay in the queue. There must be as many. */
  peek(count: number): Buffer {
    const chunk = this.chunkHolding(count);
    return chunk === undefined ? this.copy(0, count) : chunk.subarray(this.taken, this.taken + count);
  }

  /** Removes the first `count` bytes. There must be as many. */
  drop(count: number): void {
    this.size -= count;
    this.taken += count;
    while (this.head < this.end && this.taken >= this.chunks[this.head]!.length) {
      this.taken -= this.chunks[this.head]!.length;
      this.chunks[this.head++] = NO_BYTES;
    }
    if (this.head > 0) this.releaseEmptySlots();
  }

  /** The position of `delimiter`, at `from` or later, or -1. It may lie in several chunks. */
  indexOf(delimiter: Buffer, from: number): number {
    let start = -this.taken;
    for (let index = this.head; index < this.end; index++) {
      const chunk = this.chunks[index]!;
      const end = start + chunk.length;
      if (end > from) {
        const inside = chunk.indexOf(delimiter, Math.max(0, from - start));
        if (inside !== -1) return start + inside;
        const across = this.indexAcrossBoundary(delimiter, Math.max(from, end - delimiter.length + 1, 0), end);
        if (across !== -1) return across;
      }
      start = end;
    }
    return -1;
  }

  /** The position of a delimiter that lies on both sides of the chunk boundary at `boundary`, or -1. */
  private indexAcrossBoundary(delimiter: Buffer, from: number, boundary: number): number {
    const end = Math.min(this.size, boundary + delimiter.length - 1);
    if (end - from < delimiter.length) return -1;
    const found = this.copy(from, end).indexOf(delimiter);
    return found === -1 ? -1 : from + found;
  }

  private appendToBlock(chunk: Buffer): void {
    if (this.room < chunk.length) {
      const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.chunks[this.end++] = block.subarray(0, 0);
      this.room = BLOCK_BYTES;
    }
    const last = this.chunks[this.end - 1]!;
    const grown = Buffer.from(last.buffer, last.byteOffset, last.length + chunk.length);
    chunk.copy(grown, last.length);
    this.chunks[this.end - 1] = grown;
    this.room -= chunk.length;
  }

  /** A copy of the bytes from position `start` up to position `end`. */
  private copy(start: number, end: number): Buffer {
    const bytes = Buffer.allocUnsafe(end - start);
    let filled = 0;
    let skip = this.taken + start;
    for (let index = this.head; filled < bytes.length; index++) {
      const chunk = this.chunks[index]!;
      if (skip < chunk.length) filled += chunk.copy(bytes, filled, skip);
      skip = Math.max(0, skip - chunk.length);
    }
    return bytes;
  }

  private releaseEmptySlots(): void {
    if (this.head === this.end) {
      if (this.chunks.length > MOST_EMPTY_SLOTS) this.chunks = [];
      this.head = 0;
      this.end = 0;
      this.room = 0;
    } else if (this.head >= MOST_EMPTY_SLOTS) {
      this.chunks.splice(0, this.head);
      this.end -= this.head;
      this.head = 0;
    }
  }
}
