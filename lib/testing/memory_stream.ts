import { Duplex } from 'node:stream';
import { onNextTurn } from '../sockets/platform/stream_close';

/** Options of a connection in memory. */
export interface MemoryPairOptions {
  /**
   * The number of bytes in each direction at which a write waits, as at the buffers of a kernel. One piece of 64 KiB may
   * come on top. Default: 65536.
   */
  readonly capacityBytes?: number | undefined;
}

const DEFAULT_CAPACITY_BYTES = 65_536;
/** A larger write arrives in pieces, as from a kernel, so a pause of the reader takes effect within the write. */
const PIECE_BYTES = 65_536;

/**
 * One end of a connection in memory, with the behaviour of TCP. A write beyond the capacity waits until the other end
 * reads. The end of one direction leaves the other one open. A close with unread bytes, or a write to a closed end,
 * resets the connection.
 */
export class MemoryStream extends Duplex {
  private other!: MemoryStream;
  private continueWriting: (() => void) | undefined;

  /** Two ends that are connected to each other. */
  static pair({ capacityBytes = DEFAULT_CAPACITY_BYTES }: MemoryPairOptions = {}): [MemoryStream, MemoryStream] {
    const left = new MemoryStream(capacityBytes);
    const right = new MemoryStream(capacityBytes);
    left.other = right;
    right.other = left;
    return [left, right];
  }

  private constructor(capacityBytes: number) {
    super({ readableHighWaterMark: capacityBytes, writableHighWaterMark: capacityBytes, allowHalfOpen: true });
  }

  /** Resets the connection. The other end emits an error with the code `ECONNRESET`, as after a TCP reset. */
  resetAndDestroy(): this {
    this.other.destroyByReset();
    return this.destroy();
  }

  override _read(): void {
    const { other } = this;
    const proceed = other.continueWriting;
    other.continueWriting = undefined;
    proceed?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    // A copy, as in a kernel: the writer may reuse its buffer.
    const copy = Buffer.from(chunk);
    // The delivery takes a turn of the event loop, as through a kernel.
    onNextTurn(() => this.deliver(copy, callback));
  }

  override _final(callback: () => void): void {
    this.other.push(null);
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const { other } = this;
    if (this.readableLength > 0) other.destroyByReset();
    else if (!other.destroyed && !this.writableFinished) other.push(null);
    // The pending bytes of the other end remain unread.
    const waiting = other.continueWriting;
    other.continueWriting = undefined;
    if (waiting !== undefined) other.destroyByReset();
    callback(error);
  }

  private deliver(bytes: Buffer, callback: (error?: Error | null) => void): void {
    const { other } = this;
    if (this.destroyed || other.destroyed) {
      callback(connectionReset('write'));
      return;
    }
    const rest = bytes.subarray(PIECE_BYTES);
    const goOn = rest.length === 0 ? callback : () => onNextTurn(() => this.deliver(rest, callback));
    if (other.push(bytes.subarray(0, PIECE_BYTES))) goOn();
    else this.continueWriting = goOn;
  }

  private destroyByReset(): void {
    this.destroy(connectionReset('read'));
  }
}

/** The error of a real connection after a reset. */
export function connectionReset(syscall: 'read' | 'write'): Error {
  return Object.assign(new Error(`${syscall} ECONNRESET`), { code: 'ECONNRESET', syscall });
}
