import { expect } from 'chai';
import { allocateFrame } from '../../../../lib/framing/frame_pool';
import { writtenPieces } from '../../../support/written_pieces';

describe('the pool of frames', () => {
  it('consecutive frames are adjacent, and none overlaps another', async () => {
    const frames = Array.from({ length: 500 }, (_, index) =>
      allocateFrame(1 + ((index * 37) % 900)).fill(index & 0xff),
    );
    for (const [index, frame] of frames.entries()) {
      expect(frame.length).to.equal(1 + ((index * 37) % 900));
      expect(frame.every((byte) => byte === (index & 0xff))).to.equal(true);
    }
    expect((await writtenPieces(frames)).length).to.be.below(10);
  });

  it('gives a large frame memory of its own', () => {
    expect(allocateFrame(100_000).buffer.byteLength).to.equal(100_000);
  });
});
