import { Duplex } from 'node:stream';
import { SocketClosedError } from '../../errors';
import { type ByteConnection, STREAM_CHUNK_BYTES } from './byte_connection';

type Callback = (error?: Error | null) => void;

const duplexes = new WeakMap<ByteConnection, SocketDuplex>();

/** The connection as a Node stream, always the same one. */
export function nodeDuplexOf(connection: ByteConnection): Duplex {
  let duplex = duplexes.get(connection);
  if (duplex === undefined) {
    duplex = new SocketDuplex(connection);
    duplexes.set(connection, duplex);
  }
  return duplex;
}

class SocketDuplex extends Duplex {
  private isReceiving = false;
  /** Whether the peer's end has come. */
  private isAtEnd = false;

  constructor(private readonly connection: ByteConnection) {
    super({ allowHalfOpen: true, highWaterMark: STREAM_CHUNK_BYTES });
    void connection.closed.then((loss) => this.onConnectionClosed(loss));
  }

  override _read(): void {
    this.isReceiving = true;
    this.connection.recvSome(STREAM_CHUNK_BYTES).then(
      (bytes) => {
        this.isReceiving = false;
        this.isAtEnd = bytes === null;
        this.push(bytes);
      },
      (error: Error) => this.destroyBy(error),
    );
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.settle(this.connection.sendAll(chunk), callback);
  }

  override _writev(chunks: { readonly chunk: Buffer }[], callback: Callback): void {
    this.settle(this.connection.sendMany(chunks.map(({ chunk }) => chunk)), callback);
  }

  override _final(callback: Callback): void {
    this.settle(this.connection.shutdownWrite(), callback);
  }

  /** With an error the peer sees an error, where the connection has a reset; else it sees an end. */
  override _destroy(error: Error | null, callback: Callback): void {
    if (error === null) void this.connection.close();
    else this.connection.reset();
    void this.connection.closed.then(() => callback(error));
  }

  private settle(sending: Promise<void>, callback: Callback): void {
    sending.then(
      () => callback(),
      (error: Error) => {
        this.destroyBy(error);
        callback(error);
      },
    );
  }

  /** A close of the socket on this side is no error of the stream, as it is none of a `net.Socket`. */
  private destroyBy(error: Error): void {
    this.destroy(error instanceof SocketClosedError ? undefined : error);
  }

  /** A stream that neither reads nor writes notices the end of the connection too. */
  private onConnectionClosed(loss: Error | undefined): void {
    if (this.isAtEnd) {
      if (!this.writableEnded) this.destroy(loss);
      return;
    }
    // The bytes that came before the end or the loss are read first. Without any, a read gives the one or the other.
    if (!this.isReceiving && !this.destroyed && this.connection.bufferedBytes === 0) this._read();
  }
}
