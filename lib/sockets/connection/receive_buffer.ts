/** Smaller chunks are copied together into blocks: a peer that trickles bytes cannot make each of them cost an object. */
const SMALL_CHUNK_BYTES = 512;
/** The least size of a block with room for further bytes. */
const BLOCK_BYTES = 4096;
/** The number of empty slots before the first one in use at which the array of chunks is compacted. */
const MOST_EMPTY_SLOTS = 32;

const NO_BYTES: Buffer = Buffer.alloc(0);

/**
 * A queue of received bytes, in the chunks in which they came. Bytes that lie in one chunk are read without a copy, bytes
 * in several chunks with one.
 */
export class ReceiveBuffer {
  private first = NO_BYTES;
  /** The number of bytes at the beginning of the first chunk that were dropped. */
  private taken = 0;
  private size = 0;
  /** Made when there are bytes behind the first chunk, and released with the last byte: most connections have none. */
  private rest: Rest | undefined;

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
    if (this.size === 0) {
      this.first = chunk;
      this.size = chunk.length;
    } else if (chunk.length > 0) {
      this.size += chunk.length;
      this.append(chunk, (this.rest ??= new Rest()));
    }
  }

  /** Drops all bytes, and releases their memory. */
  clear(): void {
    this.first = NO_BYTES;
    this.taken = 0;
    this.size = 0;
    this.rest = undefined;
  }

  /** The chunk that has the first `count` bytes, at `offset`; undefined if they lie in several chunks. */
  chunkHolding(count: number): Buffer | undefined {
    return this.taken + count <= this.first.length ? this.first : undefined;
  }

  /** The first `count` bytes, which stay in the queue. There must be as many. */
  peek(count: number): Buffer {
    const chunk = this.chunkHolding(count);
    if (chunk !== undefined) return chunk.subarray(this.taken, this.taken + count);
    const bytes = Buffer.allocUnsafe(count);
    this.copyTo(bytes, this.rest!);
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
    const rest = this.rest!;
    const room = count === this.size ? Math.max(count, BLOCK_BYTES) : 0;
    const block = Buffer.allocUnsafeSlow(count + room).subarray(0, count);
    this.copyTo(block, rest);
    this.replaceFirstBytes(block, rest);
    if (rest.chunkCount === 0) rest.room = room;
    return block;
  }

  /** Removes the first `count` bytes. There must be as many. */
  drop(count: number): void {
    this.size -= count;
    this.taken += count;
    if (this.size === 0) this.clear();
    else if (this.rest !== undefined) this.dropWholeChunks(this.rest);
  }

  private append(chunk: Buffer, rest: Rest): void {
    if (chunk.length > rest.room) {
      if (chunk.length >= SMALL_CHUNK_BYTES) {
        rest.room = 0;
        rest.push(chunk);
        return;
      }
      rest.room = BLOCK_BYTES;
      rest.push(Buffer.allocUnsafeSlow(BLOCK_BYTES).subarray(0, 0));
    }
    rest.room -= chunk.length;
    if (rest.chunkCount === 0) this.first = extended(this.first, chunk);
    else rest.last = extended(rest.last, chunk);
  }

  /** Fills `target` with the first bytes, more than the first chunk has. */
  private copyTo(target: Buffer, rest: Rest): void {
    let filled = this.first.copy(target, 0, this.taken);
    let skip = rest.overlap;
    for (let index = 0; filled < target.length; index++) {
      filled += rest.at(index).copy(target, filled, skip);
      skip = 0;
    }
  }

  /** Puts a copy of the first bytes, more than the first chunk has, in the place of the bytes themselves. */
  private replaceFirstBytes(block: Buffer, rest: Rest): void {
    let left = this.taken + block.length - (this.first.length - rest.overlap);
    while (rest.chunkCount > 0 && left >= rest.at(0).length) left -= rest.shift().length;
    rest.overlap = left;
    this.first = block;
    this.taken = 0;
  }

  private dropWholeChunks(rest: Rest): void {
    while (this.taken >= this.first.length - rest.overlap) {
      this.taken -= this.first.length - rest.overlap;
      rest.overlap = 0;
      this.first = rest.shift();
    }
  }
}

/** The chunks behind the first one. */
class Rest {
  /** The number of bytes at the end of the first chunk with which the next one begins too: see `ReceiveBuffer.join`. */
  overlap = 0;
  /** The free bytes after the last chunk of all, if that is a block. */
  room = 0;
  /** The slots before `head` are empty. */
  private chunks: Buffer[] = [];
  private head = 0;

  get chunkCount(): number {
    return this.chunks.length - this.head;
  }

  get last(): Buffer {
    return this.chunks.at(-1)!;
  }

  set last(chunk: Buffer) {
    this.chunks[this.chunks.length - 1] = chunk;
  }

  at(index: number): Buffer {
    return this.chunks[this.head + index]!;
  }

  push(chunk: Buffer): void {
    this.chunks.push(chunk);
  }

  shift(): Buffer {
    const chunk = this.chunks[this.head]!;
    this.chunks[this.head++] = NO_BYTES;
    if (this.head >= MOST_EMPTY_SLOTS) {
      this.chunks.splice(0, this.head);
      this.head = 0;
    }
    return chunk;
  }
}

/** A chunk with more bytes; there is room behind it in its memory. */
function extended(chunk: Buffer, bytes: Buffer): Buffer {
  const grown = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length + bytes.length);
  bytes.copy(grown, chunk.length);
  return grown;
}
