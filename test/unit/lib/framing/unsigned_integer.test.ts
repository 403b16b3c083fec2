import { expect } from 'chai';
import fc from 'fast-check';
import { readUnsigned, writeUnsigned } from '../../../../lib/framing/unsigned_integer';

describe('readUnsigned and writeUnsigned', () => {
  it('property: read and write as Node does, in both byte orders, and nothing around the integer', () => {
    const integer = fc
      .integer({ min: 1, max: 6 })
      .chain((size) => fc.record({ size: fc.constant(size), value: fc.maxSafeNat().map((n) => n % 2 ** (8 * size)) }));
    fc.assert(
      fc.property(integer, fc.nat(5), ({ size, value }, offset) => {
        const [little, big] = [Buffer.alloc(12, 0xaa), Buffer.alloc(12, 0xaa)];
        writeUnsigned(value, little, offset, size, 'little-endian');
        writeUnsigned(value, big, offset, size, 'big-endian');
        const [expectedLittle, expectedBig] = [Buffer.alloc(12, 0xaa), Buffer.alloc(12, 0xaa)];
        expectedLittle.writeUIntLE(value, offset, size);
        expectedBig.writeUIntBE(value, offset, size);
        expect([little, big]).to.deep.equal([expectedLittle, expectedBig]);
        expect(readUnsigned(little, offset, size, 'little-endian')).to.equal(value);
        expect(readUnsigned(big, offset, size, 'big-endian')).to.equal(value);
      }),
    );
  });
});
