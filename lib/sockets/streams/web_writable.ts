import { SocketClosedError } from '../../errors';
import { type ByteConnection, STREAM_CHUNK_BYTES } from './byte_connection';

const writables = new WeakMap<ByteConnection, WritableStream<Uint8Array>>();

/**
 * The sending direction as a writable stream (WHATWG Streams, section 5), always the same one for a connection. Its
 * `writer.ready` waits while more than 64 KiB have not left.
 */
export function webWritableOf(connection: ByteConnection): WritableStream<Uint8Array> {
  let writable = writables.get(connection);
  if (writable === undefined) {
    writable = new WritableStream(new SocketSink(connection) as object, {
      highWaterMark: STREAM_CHUNK_BYTES,
      size: byteLength,
    });
    writables.set(connection, writable);
  }
  return writable;
}

/** The controller as Node has it; its types lack the signal. */
type SinkController = WritableStreamDefaultController & { readonly signal: AbortSignal };

/** An underlying sink (WHATWG Streams, section 5). */
class SocketSink {
  constructor(private readonly connection: ByteConnection) {}

  start(controller: SinkController): void {
    const { connection } = this;
    // `abort` of a sink waits for the write under way, which a peer that does not read delays for ever.
    controller.signal.addEventListener('abort', () => connection.reset(), { once: true });
    void connection.closed.then((loss) => {
      controller.error(loss ?? new SocketClosedError('send', connection.endpoints));
    });
  }

  /** Sends a chunk. After a failure the connection is reset: the peer must not take the bytes so far for all. */
  async write(chunk: Uint8Array): Promise<void> {
    try {
      await this.connection.sendAll(chunk);
    } catch (error) {
      // After a loss the bytes that came before it can still be received; a reset would drop them.
      if (!this.connection.isClosed) this.connection.reset();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.connection.shutdownWrite();
  }
}

/** The size of a chunk; of anything else 1, so that the error is that of the send. */
function byteLength(chunk: Uint8Array | undefined): number {
  return chunk instanceof Uint8Array ? chunk.byteLength : 1;
}
