import { type Duplex } from 'node:stream';
import { Deferred } from './deferred';

/** Up to this size, copying several buffers into one costs less than handing them to the system one by one. */
const COPY_LIMIT_BYTES = 16_384;

/** The sends of one turn of the event loop: they leave together, and are settled together. */
export class SendBatch extends Deferred<void> {
  private readonly buffers: Uint8Array[];
  private size: number;

  constructor(first: Uint8Array) {
    super();
    this.buffers = [first];
    this.size = first.length;
  }

  add(buffer: Uint8Array): void {
    this.buffers.push(buffer);
    this.size += buffer.length;
  }

  /** Writes everything; `onWritten` is told once, when the stream has passed all of it on or has failed. */
  writeTo(stream: Duplex, onWritten: (error: Error | null | undefined) => void): void {
    const { buffers } = this;
    if (buffers.length === 1) {
      stream.write(buffers[0], onWritten);
    } else if (this.size <= COPY_LIMIT_BYTES) {
      stream.write(Buffer.concat(buffers, this.size), onWritten);
    } else {
      stream.cork();
      const last = buffers.length - 1;
      for (let index = 0; index < last; index++) stream.write(buffers[index]);
      stream.write(buffers[last], onWritten);
      stream.uncork();
    }
  }
}
