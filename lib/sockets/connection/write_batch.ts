import { type Duplex } from 'node:stream';
import { Deferred } from '../../async/deferred';

/** Up to this size, copying several pieces into one costs less than handing them to the system one by one. */
const COPY_LIMIT_BYTES = 16_384;

/** The sends of one turn of the event loop: they leave together, and are settled together. */
export class WriteBatch {
  /** Settled once all of it has left, or cannot. */
  readonly outcome = new Deferred<void>();
  /** The batch that is written behind this one. */
  next: WriteBatch | undefined;
  /** The pieces before the last; most batches have none. */
  private pieces: Uint8Array[] | undefined;
  /** How many bytes belong to the last piece that lie behind `last`, in the same memory. */
  private behindLast = 0;
  private size: number;

  constructor(private last: Uint8Array) {
    this.size = last.length;
  }

  add(buffer: Uint8Array): void {
    this.size += buffer.length;
    if (this.isBehindLast(buffer)) {
      this.behindLast += buffer.length;
      return;
    }
    (this.pieces ??= []).push(this.lastPiece());
    this.last = buffer;
    this.behindLast = 0;
  }

  /** Writes everything; `onWritten` is told once, when the stream has passed all of it on or has failed. */
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

  /** Whether a buffer continues the last piece in memory, as frames do that were made one after the other. */
  private isBehindLast(buffer: Uint8Array): boolean {
    const { last } = this;
    return buffer.buffer === last.buffer && buffer.byteOffset === last.byteOffset + last.length + this.behindLast;
  }

  private lastPiece(): Uint8Array {
    const { last, behindLast } = this;
    return behindLast === 0 ? last : Buffer.from(last.buffer, last.byteOffset, last.length + behindLast);
  }
}
