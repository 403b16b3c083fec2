/** Chunks below this size are gathered, so that a peer that trickles bytes cannot make each cost an object. */
const SMALL_CHUNK = 512;
const GATHERING_BLOCK = 4096;
/** Used places for chunks are given back in one go, once there are so many. */
const KEPT_PLACES = 32;

const NO_BYTES = Buffer.alloc(0);

/**
 * Bytes that have come and that nobody has taken yet, in the chunks in which they came. Taking is a view where one
 * chunk holds all that is asked for, and one allocation with one copy where it does not.
 */
export class ReceiveBuffer {
  /**
   * Chunks from `head` up to `end`; the places around them are kept, empty, for the next ones. It begins with two, which
   * is all that most connections ever need: an array that is pushed to makes room for 17.
   */
  private chunks: Buffer[] = [NO_BYTES, NO_BYTES];
  private head = 0;
  private end = 0;
  /** How many bytes of the first chunk are taken already. */
  private taken = 0;
  private size = 0;
  /** Room left behind the last chunk, where that chunk is a gathering block of our own. */
  private room = 0;

  /** How many bytes wait here. */
  get length(): number {
    return this.size;
  }

  /** Where the first byte lies in its chunk: see `chunkHolding`. */
  get offset(): number {
    return this.taken;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.size += chunk.length;
    if (chunk.length >= SMALL_CHUNK || this.head === this.end) {
      this.chunks[this.end++] = chunk;
      this.room = 0;
    } else {
      this.gatherSmall(chunk);
    }
  }

  /** Forgets everything, to give the memory back. */
  clear(): void {
    if (this.size === 0) return;
    this.chunks = [];
    this.head = 0;
    this.end = 0;
    this.taken = 0;
    this.size = 0;
    this.room = 0;
  }

  /** The chunk that holds the first `count` bytes, from `offset` on; undefined where they are spread over several. */
  chunkHolding(count: number): Buffer | undefined {
    if (this.head === this.end) return undefined;
    const first = this.chunks[this.head]!;
    return this.taken + count <= first.length ? first : undefined;
  }

  /** The first `count` bytes, which stay. There must be as many. */
  peek(count: number): Buffer {
    const chunk = this.chunkHolding(count);
    return chunk === undefined ? this.copy(0, count) : chunk.subarray(this.taken, this.taken + count);
  }

  /** The first `count` bytes, which are gone from here. There must be as many. */
  take(count: number): Buffer {
    const bytes = this.peek(count);
    this.drop(count);
    return bytes;
  }

  /** Takes the first `count` bytes away. There must be as many. */
  drop(count: number): void {
    this.size -= count;
    this.taken += count;
    while (this.head < this.end && this.taken >= this.chunks[this.head]!.length) {
      this.taken -= this.chunks[this.head]!.length;
      this.chunks[this.head++] = NO_BYTES;
    }
    if (this.head > 0) this.forgetUsedPlaces();
  }

  /** Where `delimiter` starts, at `from` or behind it, or -1. The search goes over chunk borders. */
  indexOf(delimiter: Buffer, from: number): number {
    let start = -this.taken;
    for (let index = this.head; index < this.end; index++) {
      const chunk = this.chunks[index]!;
      const end = start + chunk.length;
      if (end > from) {
        const inside = chunk.indexOf(delimiter, Math.max(0, from - start));
        if (inside !== -1) return start + inside;
        const across = this.indexAcrossBorder(delimiter, Math.max(from, end - delimiter.length + 1, 0), end);
        if (across !== -1) return across;
      }
      start = end;
    }
    return -1;
  }

  /** Where a delimiter starts that lies on both sides of the chunk border at `border`, or -1. */
  private indexAcrossBorder(delimiter: Buffer, from: number, border: number): number {
    const end = Math.min(this.size, border + delimiter.length - 1);
    if (end - from < delimiter.length) return -1;
    const found = this.copy(from, end).indexOf(delimiter);
    return found === -1 ? -1 : from + found;
  }

  private gatherSmall(chunk: Buffer): void {
    if (this.room < chunk.length) {
      const block = Buffer.allocUnsafeSlow(GATHERING_BLOCK);
      this.chunks[this.end++] = block.subarray(0, 0);
      this.room = GATHERING_BLOCK;
    }
    const last = this.chunks[this.end - 1]!;
    const grown = Buffer.from(last.buffer, last.byteOffset, last.length + chunk.length);
    chunk.copy(grown, last.length);
    this.chunks[this.end - 1] = grown;
    this.room -= chunk.length;
  }

  /** A copy of the bytes from offset `start` up to offset `end`. */
  private copy(start: number, end: number): Buffer {
    const whole = Buffer.allocUnsafe(end - start);
    let filled = 0;
    let skip = this.taken + start;
    for (let index = this.head; filled < whole.length; index++) {
      const chunk = this.chunks[index]!;
      if (skip < chunk.length) filled += chunk.copy(whole, filled, skip);
      skip = Math.max(0, skip - chunk.length);
    }
    return whole;
  }

  private forgetUsedPlaces(): void {
    if (this.head === this.end) {
      if (this.chunks.length > KEPT_PLACES) this.chunks = [];
      this.head = 0;
      this.end = 0;
      this.room = 0;
    } else if (this.head >= KEPT_PLACES) {
      this.chunks.splice(0, this.head);
      this.end -= this.head;
      this.head = 0;
    }
  }
}
