import { type ByteConnection, STREAM_CHUNK_BYTES } from './byte_connection';

const readables = new WeakMap<ByteConnection, ReadableStream<Uint8Array>>();

/**
 * The received bytes as a readable byte stream (WHATWG Streams, section 4.7), always the same one for a connection. It
 * takes no byte before a reader asks for one. Node loads its stream classes at the first use of the global.
 */
export function webReadableOf(connection: ByteConnection): ReadableStream<Uint8Array> {
  let readable = readables.get(connection);
  if (readable === undefined) {
    readable = new ReadableStream(new SocketSource(connection), { highWaterMark: 0 });
    readables.set(connection, readable);
  }
  return readable;
}

/** An underlying byte source (WHATWG Streams, section 4.7). */
class SocketSource {
  readonly type = 'bytes';

  constructor(private readonly connection: ByteConnection) {}

  async pull(controller: ReadableByteStreamController): Promise<void> {
    const wanted = controller.byobRequest?.view?.byteLength ?? STREAM_CHUNK_BYTES;
    const bytes = await this.connection.recvSome(wanted);
    if (bytes === null) end(controller);
    else give(controller, bytes);
  }

  async cancel(): Promise<void> {
    await this.connection.close();
  }
}

/** Gives bytes to the reader: into its own buffer, if it has brought one. */
function give(controller: ReadableByteStreamController, bytes: Buffer): void {
  const { byobRequest } = controller;
  if (!byobRequest?.view) {
    // A copy: the stream detaches the memory of a chunk, in which other received bytes may lie.
    controller.enqueue(new Uint8Array(bytes));
    return;
  }
  const { buffer, byteOffset, byteLength } = byobRequest.view;
  new Uint8Array(buffer, byteOffset, byteLength).set(bytes);
  byobRequest.respond(bytes.length);
}

function end(controller: ReadableByteStreamController): void {
  controller.close();
  // Otherwise a read with a buffer of its own would wait for ever.
  controller.byobRequest?.respond(0);
}
