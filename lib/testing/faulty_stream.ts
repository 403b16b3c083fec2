import { type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { destroyWithReset } from '../sockets/platform/stream_close';
import { type Faults } from './faults';
import { FaultyDirection } from './faulty_direction';
import { connectionReset } from './memory_stream';

/** The faults of each direction. */
export interface FaultyStreamOptions {
  /** Of the bytes that the wrapped stream receives. */
  readonly incoming?: Faults | undefined;
  /** Of the bytes that are written to the wrapped stream. */
  readonly outgoing?: Faults | undefined;
}

const NO_BYTES = Buffer.alloc(0);

/**
 * A stream around another one of any kind. It slices and delays the bytes, cuts and resets the connection, at given byte
 * offsets. A `PeerSocket` can wrap it, and the `createConnection` of a `ConnectSocket` can return it.
 */
export class FaultyStream extends Duplex {
  private readonly incoming: FaultyDirection;
  private readonly outgoing: FaultyDirection;
  private onReaderReady: (() => void) | undefined;

  constructor(
    private readonly inner: Duplex,
    { incoming = {}, outgoing = {} }: FaultyStreamOptions = {},
  ) {
    super({ allowHalfOpen: true });
    const reset = (): void => this.resetBoth();
    this.incoming = new FaultyDirection(incoming, {
      deliver: (piece, onRoom) => this.deliverToReader(piece, onRoom),
      end: () => void this.push(null),
      reset,
    });
    this.outgoing = new FaultyDirection(outgoing, {
      deliver: (piece, onRoom) => void inner.write(piece, (error) => error ?? onRoom()),
      end: () => void inner.end(),
      reset,
    });
    this.listen();
    // Faults at offset 0 need no byte.
    for (const direction of [this.incoming, this.outgoing]) direction.carry(NO_BYTES, () => undefined);
  }

  /** As in `net.Socket`: a `ConnectSocket` waits for the connection. */
  get connecting(): boolean {
    return (this.inner as Partial<Socket>).connecting === true;
  }

  resetAndDestroy(): this {
    destroyWithReset(this.inner);
    return this.destroy();
  }

  override _read(): void {
    const onReady = this.onReaderReady;
    this.onReaderReady = undefined;
    onReady?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.outgoing.carry(chunk, callback);
  }

  override _final(callback: () => void): void {
    this.outgoing.finish();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.incoming.stop();
    this.outgoing.stop();
    this.inner.destroy();
    callback(error);
  }

  private listen(): void {
    const { inner } = this;
    inner.allowHalfOpen = true;
    inner.on('connect', () => this.emit('connect'));
    inner.on('error', (error) => this.destroy(error));
    inner.on('close', () => this.onInnerClose());
    inner.on('end', () => this.incoming.finish());
    inner.on('data', (chunk: Buffer) => {
      inner.pause();
      this.incoming.carry(chunk, () => inner.resume());
    });
  }

  private deliverToReader(piece: Buffer, onRoom: () => void): void {
    // Not at once: pieces of one byte would recurse as deep as the stream is long.
    if (this.push(piece)) process.nextTick(onRoom);
    else this.onReaderReady = onRoom;
  }

  /** An inner stream whose both directions have ended closes by itself; then so does this one. */
  private onInnerClose(): void {
    if (!this.inner.readableEnded || !this.inner.writableFinished) this.destroy();
  }

  private resetBoth(): void {
    destroyWithReset(this.inner);
    this.destroy(connectionReset('read'));
  }
}
