import { expect } from 'chai';
import { writtenPieces } from '../../../../support/written_pieces';

describe('WriteBatch', () => {
  it('writes buffers that are adjacent in memory as one piece, without a copy', async () => {
    const memory = Buffer.from(Array.from({ length: 40_000 }, (_, index) => index & 0xff));
    const pieces = await writtenPieces([
      memory.subarray(0, 15_000),
      memory.subarray(15_000, 30_000),
      memory.subarray(30_000),
    ]);
    expect(pieces).to.have.lengthOf(1);
    expect(pieces[0]!.buffer).to.equal(memory.buffer);
  });

  it('does not join buffers with a gap or an overlap, or in another order', async () => {
    const memory = Buffer.from(Array.from({ length: 60_000 }, (_, index) => (index * 7) & 0xff));
    const [one, two, three] = [memory.subarray(0, 20_000), memory.subarray(20_000, 40_000), memory.subarray(40_000)];
    expect(await writtenPieces([two, one, three])).to.have.lengthOf(3);
    expect(await writtenPieces([one, three])).to.have.lengthOf(2);
    expect(await writtenPieces([one, memory.subarray(19_999, 40_000)])).to.have.lengthOf(2);
    expect(await writtenPieces([one, two, one, two])).to.have.lengthOf(2);
    expect(await writtenPieces([one, Buffer.from(two)])).to.have.lengthOf(2);
  });

  it('copies small pieces together, empty ones among them', async () => {
    const small = [Buffer.alloc(10, 1), Buffer.alloc(0), Buffer.alloc(20, 2), Buffer.alloc(5, 3)];
    expect(await writtenPieces(small)).to.have.lengthOf(1);
  });
});
