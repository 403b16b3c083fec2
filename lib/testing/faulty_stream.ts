import { type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { destroyWithReset } from '../sockets/platform/stream_close';
import { type Faults } from './faults';
import { FaultyDirection } from './faulty_direction';
import { connectionReset } from './memory_stream';

/** Faults for each direction of a stream. */
export interface FaultyStreamOptions {
  /** For what the wrapped stream receives. */
  readonly incoming?: Faults;
  /** For what is written to the wrapped stream. */
  readonly outgoing?: Faults;
}

const NO_BYTES = Buffer.alloc(0);

/**
 * A stream around another (in memory, TCP, any other), which slices, delays, cuts and resets what goes through it at
 * given byte offsets. Give it to a `PeerSocket`, or to a `ConnectSocket` by its `createConnection`.
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
    // What is to happen at offset 0 waits for no byte.
    for (const direction of [this.incoming, this.outgoing]) direction.carry(NO_BYTES, () => undefined);
  }

  /** As `net.Socket` has it, so that a `ConnectSocket` can wait for the connection. */
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
    // Not at once: a stream of single bytes would call itself as deep as it is long.
    if (this.push(piece)) process.nextTick(onRoom);
    else this.onReaderReady = onRoom;
  }

  /** An inner stream that both sides have ended closes by itself, and this one then does so too. */
  private onInnerClose(): void {
    if (!this.inner.readableEnded || !this.inner.writableFinished) this.destroy();
  }

  private resetBoth(): void {
    destroyWithReset(this.inner);
    this.destroy(connectionReset('read'));
  }
}
