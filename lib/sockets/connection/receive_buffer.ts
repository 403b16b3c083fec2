/** Smaller chunks are copied together into blocks: a peer that trickles bytes cannot make each of them cost an object. */
const SMALL_CHUNK_BYTES = 512;
/** The least size of a block with room for further bytes. */
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
  /** The number of bytes at the end of the first chunk that the second one begins with too: see `join`. */
  private overlap = 0;
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
    if (chunk.length <= this.room) {
      this.appendToBlock(chunk);
    } else if (chunk.length >= SMALL_CHUNK_BYTES || this.head === this.end) {
      this.chunks[this.end++] = chunk;
      this.room = 0;
    } else {
      this.chunks[this.end++] = Buffer.allocUnsafeSlow(BLOCK_BYTES).subarray(0, 0);
      this.room = BLOCK_BYTES;
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
    this.overlap = 0;
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
    if (chunk !== undefined) return chunk.subarray(this.taken, this.taken + count);
    const bytes = Buffer.allocUnsafe(count);
    this.copyTo(bytes);
    return bytes;
  }

  /**
   * The chunk that has the first `count` bytes, at `offset`, after they were copied into one if they lie in several. There
   * must be as many.
   *
   * The copied bytes of the last chunk stay in it, and are read from there when those in front of them are dropped. So the
   * frame behind the copy lies in one chunk again.
   *
   * A copy of all bytes has room for as many again. So a frame that comes in many chunks, and is looked at after each of
   * them, is not copied each time, and the cost is linear.
   */
  join(count: number): Buffer {
    const holding = this.chunkHolding(count);
    if (holding !== undefined) return holding;
    if (count === 0) return NO_BYTES;
    const room = count === this.size ? Math.max(count, BLOCK_BYTES) : 0;
    const block = Buffer.allocUnsafeSlow(count + room).subarray(0, count);
    this.copyTo(block);
    this.replaceFirstBytes(block);
    if (this.head + 1 === this.end) this.room = room;
    return block;
  }

  /** Removes the first `count` bytes. There must be as many. */
  drop(count: number): void {
    this.size -= count;
    this.taken += count;
    while (this.head < this.end && this.taken >= this.chunks[this.head]!.length - this.overlap) {
      this.taken -= this.chunks[this.head]!.length - this.overlap;
      this.overlap = 0;
      this.chunks[this.head++] = NO_BYTES;
    }
    if (this.head > 0) this.releaseEmptySlots();
  }

  private appendToBlock(chunk: Buffer): void {
    const last = this.chunks[this.end - 1]!;
    const grown = Buffer.from(last.buffer, last.byteOffset, last.length + chunk.length);
    chunk.copy(grown, last.length);
    this.chunks[this.end - 1] = grown;
    this.room -= chunk.length;
  }

  /** Fills `target` with the first bytes. */
  private copyTo(target: Buffer): void {
    let filled = 0;
    let skip = this.taken;
    for (let index = this.head; filled < target.length; index++) {
      filled += this.chunks[index]!.copy(target, filled, skip);
      skip = index === this.head ? this.overlap : 0;
    }
  }

  /** Puts a copy of the first bytes, more than the first chunk has, in the place of the bytes themselves. */
  private replaceFirstBytes(block: Buffer): void {
    let index = this.head;
    let left = this.taken + this.overlap + block.length;
    while (index < this.end && left >= this.chunks[index]!.length) {
      left -= this.chunks[index]!.length;
      this.chunks[index++] = NO_BYTES;
    }
    this.overlap = left;
    this.head = index - 1;
    this.chunks[this.head] = block;
    this.taken = 0;
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
