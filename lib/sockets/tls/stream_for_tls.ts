import { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/**
 * The stream that TLS uses in place of `raw`. TLS on a `net.Socket` works on the socket itself.
 *
 * Under TLS on any other stream Node closes the secure one together with the one below, though received bytes may still
 * wait in it: a reader that pauses loses them. This stream stays open until TLS destroys it.
 */
export function streamForTls(raw: Duplex): Duplex {
  return raw instanceof Socket ? raw : new StreamUnderTls(raw);
}

class StreamUnderTls extends Duplex {
  constructor(private readonly raw: Duplex) {
    super({ autoDestroy: false });
    raw
      .on('data', (bytes: Buffer) => {
        if (!this.push(bytes)) raw.pause();
      })
      .on('end', () => this.push(null))
      .on('error', (error) => this.destroy(error))
      .on('close', () => {
        if (!raw.readableEnded) this.destroy();
      });
  }

  override _read(): void {
    this.raw.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.raw.write(chunk, callback);
  }

  override _final(callback: () => void): void {
    this.raw.end(callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.raw.destroy(error ?? undefined);
    callback(error);
  }
}
