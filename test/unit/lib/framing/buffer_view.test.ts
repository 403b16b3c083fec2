import { expect } from 'chai';
import fc from 'fast-check';
import { viewOf } from '../../../../lib/framing/buffer_view';

describe('viewOf', () => {
  it('property: gives the same as subarray, for buffers in turn', () => {
    const memory = Buffer.from(Array.from({ length: 100 }, (_, index) => index));
    const range = fc.array(fc.nat(50), { minLength: 2, maxLength: 2 }).map((ends) => ends.sort((a, b) => a - b));
    fc.assert(
      fc.property(fc.array(fc.record({ at: fc.nat(50), range })), (views) => {
        for (const { at, range } of views) {
          const bytes = memory.subarray(at, at + 50);
          const [start, end] = range as [number, number];
          const [view, expected] = [viewOf(bytes, start, end), bytes.subarray(start, end)];
          expect(Buffer.isBuffer(view)).to.equal(true);
          expect([view.buffer, view.byteOffset, view.length]).to.deep.equal([
            expected.buffer,
            expected.byteOffset,
            expected.length,
          ]);
        }
      }),
    );
  });
});
