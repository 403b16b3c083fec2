import { type Duplex, Writable } from 'node:stream';
import { expect } from 'chai';
import { WriteBatch } from '../../lib/sockets/connection/write_batch';

/** Writes a batch of these buffers. Returns the pieces received by the stream. */
export async function writtenPieces(buffers: readonly Uint8Array[]): Promise<Buffer[]> {
  const pieces: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      pieces.push(chunk);
      callback();
    },
    writev(chunks, callback) {
      pieces.push(...chunks.map(({ chunk }) => chunk as Buffer));
      callback();
    },
  });
  const [first, ...others] = buffers;
  const batch = new WriteBatch(first!);
  for (const buffer of others) batch.add(buffer);
  await new Promise<void>((resolve) => batch.writeTo(stream as unknown as Duplex, () => resolve()));
  expect(Buffer.concat(pieces).equals(Buffer.concat(buffers)), 'the same bytes').to.equal(true);
  return pieces;
}
