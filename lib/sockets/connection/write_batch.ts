import { type Duplex } from 'node:stream';
import { Deferred } from '../../async/deferred';

/** Up to this size, a copy of several pieces into one costs less than a write of each. */
const COPY_LIMIT_BYTES = 16_384;

/** The sends of one turn of the event loop. They are written together and settled together. */
export class WriteBatch {
  /** Settled when the stream has passed on the whole batch, or has failed. */
  readonly outcome = new Deferred<void>();
  /** The batch that was written after this one. */
  next: WriteBatch | undefined;
  /** The pieces before the last one; most batches have none. */
  private pieces: Uint8Array[] | undefined;
  /** The memory of the last piece, and its end there. They are read once for each piece: that is a call into C++. */
  private memory: ArrayBufferLike | undefined;
  private end = 0;
  private byteCount: number;

  /** @param last the first buffer of the last piece; buffers that follow it in its memory belong to the piece. */
  constructor(private last: Uint8Array) {
    this.byteCount = last.length;
  }

  /** The number of bytes of all sends together. */
  get size(): number {
    return this.byteCount;
  }

  /** Adds a buffer: to the last piece if it is adjacent in memory, as consecutive frames are, else as a piece of its own. */
  add(buffer: Uint8Array): void {
    this.byteCount += buffer.length;
    if (this.memory === undefined) this.beginPiece(this.last);
    if (buffer.byteOffset === this.end && buffer.buffer === this.memory) {
      this.end += buffer.length;
      return;
    }
    (this.pieces ??= []).push(this.lastPiece());
    this.beginPiece(buffer);
  }

  /** Writes the batch. The stream calls `onWritten` once, when it has passed on the whole batch or has failed. */
  writeTo(stream: Duplex, onWritten: (error: Error | null | undefined) => void): void {
    const { pieces } = this;
    const last = this.lastPiece();
    if (pieces === undefined) {
      stream.write(last, onWritten);
    } else if (this.size <= COPY_LIMIT_BYTES) {
      stream.write(Buffer.concat([...pieces, last], this.size), onWritten);
    } else {
      stream.cork();
      for (const piece of pieces) stream.write(piece);
      stream.write(last, onWritten);
      stream.uncork();
    }
  }

  private beginPiece(buffer: Uint8Array): void {
    this.last = buffer;
    this.memory = buffer.buffer;
    this.end = buffer.byteOffset + buffer.length;
  }

  private lastPiece(): Uint8Array {
    const { last, memory } = this;
    if (memory === undefined) return last;
    const size = this.end - last.byteOffset;
    return size === last.length ? last : Buffer.from(memory, last.byteOffset, size);
  }
}
