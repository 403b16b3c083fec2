import { type Duplex, Writable } from 'node:stream';
import { expect } from 'chai';
import { allocateFrame } from '../../../lib/messages/frame_pool';
import { WriteBatch } from '../../../lib/sockets/write_batch';

/** Writes a batch of these buffers; gives the pieces in which it reached the stream. */
async function piecesOf(buffers: readonly Uint8Array[]): Promise<Buffer[]> {
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

function filled(buffer: Buffer, value: number): Buffer {
  return buffer.fill(value);
}

describe('WriteBatch', () => {
  it('writes buffers that lie one behind the other in memory as one piece, without a copy', async () => {
    const memory = Buffer.from(Array.from({ length: 40_000 }, (_, index) => index & 0xff));
    const pieces = await piecesOf([
      memory.subarray(0, 15_000),
      memory.subarray(15_000, 30_000),
      memory.subarray(30_000),
    ]);
    expect(pieces).to.have.lengthOf(1);
    expect(pieces[0]!.buffer).to.equal(memory.buffer);
  });

  it('does not take buffers for neighbours that have a gap, overlap, or come in another order', async () => {
    const memory = Buffer.from(Array.from({ length: 60_000 }, (_, index) => (index * 7) & 0xff));
    const [one, two, three] = [memory.subarray(0, 20_000), memory.subarray(20_000, 40_000), memory.subarray(40_000)];
    expect(await piecesOf([two, one, three])).to.have.lengthOf(3);
    expect(await piecesOf([one, three])).to.have.lengthOf(2);
    expect(await piecesOf([one, memory.subarray(19_999, 40_000)])).to.have.lengthOf(2);
    expect(await piecesOf([one, two, one, two])).to.have.lengthOf(2);
    expect(await piecesOf([one, Buffer.from(two)])).to.have.lengthOf(2);
  });

  it('copies small pieces together, empty ones among them', async () => {
    const small = [
      filled(Buffer.alloc(10), 1),
      Buffer.alloc(0),
      filled(Buffer.alloc(20), 2),
      filled(Buffer.alloc(5), 3),
    ];
    expect(await piecesOf(small)).to.have.lengthOf(1);
  });
});

describe('the memory of frames', () => {
  it('puts frames one behind the other, and none over another', async () => {
    const frames = Array.from({ length: 500 }, (_, index) =>
      filled(allocateFrame(1 + ((index * 37) % 900)), index & 0xff),
    );
    for (const [index, frame] of frames.entries()) {
      expect(frame.length).to.equal(1 + ((index * 37) % 900));
      expect(frame.every((byte) => byte === (index & 0xff))).to.equal(true);
    }
    expect((await piecesOf(frames)).length).to.be.below(10);
  });

  it('gives a large frame memory of its own', () => {
    expect(allocateFrame(100_000).buffer.byteLength).to.equal(100_000);
  });
});
