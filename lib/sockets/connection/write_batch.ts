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
  /** The number of bytes after `last`, in the same memory, that belong to the last piece. */
  private bytesAfterLast = 0;
  private byteCount: number;

  constructor(private last: Uint8Array) {
    this.byteCount = last.length;
  }

  /** The number of bytes of all sends together. */
  get size(): number {
    return this.byteCount;
  }

  /** Adds a buffer: to the last piece if it is adjacent in memory, else as a piece of its own. */
  add(buffer: Uint8Array): void {
    this.byteCount += buffer.length;
    if (this.isAdjacent(buffer)) {
      this.bytesAfterLast += buffer.length;
      return;
    }
    (this.pieces ??= []).push(this.lastPiece());
    this.last = buffer;
    this.bytesAfterLast = 0;
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

  /** Whether a buffer follows the last piece in memory, as consecutive frames do: see `allocateFrame`. */
  private isAdjacent(buffer: Uint8Array): boolean {
    const { last } = this;
    return buffer.buffer === last.buffer && buffer.byteOffset === last.byteOffset + last.length + this.bytesAfterLast;
  }

  private lastPiece(): Uint8Array {
    const { last, bytesAfterLast } = this;
    return bytesAfterLast === 0 ? last : Buffer.from(last.buffer, last.byteOffset, last.length + bytesAfterLast);
  }
}
