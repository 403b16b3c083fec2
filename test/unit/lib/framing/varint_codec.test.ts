import { expect } from 'chai';
import { rawBytes, VarintCodec } from '../../../../lib/index';

describe('VarintCodec', () => {
  const codec = new VarintCodec({ maxValueBytes: 2 ** 40 }, rawBytes);

  it('has the varints of Protocol Buffers', () => {
    const small = new VarintCodec({ maxValueBytes: 20_000 }, rawBytes);
    const sizes: [size: number, varint: number[]][] = [
      [0, [0]],
      [127, [0x7f]],
      [128, [0x80, 0x01]],
      [300, [0xac, 0x02]],
      [16_383, [0xff, 0x7f]],
      [16_384, [0x80, 0x80, 0x01]],
    ];
    for (const [size, varint] of sizes) {
      const frame = small.encode(Buffer.alloc(size, 'x'));
      expect([...frame.subarray(0, varint.length)], `${size} bytes`).to.deep.equal(varint);
      expect(frame.length).to.equal(varint.length + size);
      expect(small.frameLength(frame, 0)).to.equal(frame.length);
      expect(small.decode(frame, 0, frame.length)).to.deep.equal(Buffer.alloc(size, 'x'));
    }
  });

  it('reads lengths of more than 32 bits', () => {
    const length = 2 ** 35 + 3;
    expect(codec.frameLength(Buffer.from([0x83, 0x80, 0x80, 0x80, 0x80, 0x01]), 0)).to.equal(6 + length);
  });

  it('asks for one byte more than a varint without an end has', () => {
    expect(codec.frameLength(Buffer.from([1, 0x80]), 1)).to.deep.equal({ atLeast: 2 });
    expect(codec.frameLength(Buffer.from([0x80, 0x80]), 0)).to.deep.equal({ atLeast: 3 });
  });

  it('accepts needless zeros, up to 10 bytes', () => {
    const padded = [...Array<number>(9).fill(0x80), 0x00];
    expect(codec.frameLength(Buffer.from(padded), 0)).to.equal(10);
    const frame = Buffer.from([0x82, 0x80, 0x00, 0x61, 0x62]);
    expect(codec.frameLength(frame, 0)).to.equal(5);
    expect(String(codec.decode(frame, 0, 5))).to.equal('ab');
    expect(() => codec.frameLength(Buffer.alloc(10, 0x80), 0))
      .to.throw()
      .with.property('code', 'INVALID_FRAME');
  });

  it('refuses a length over the limit before its last byte', () => {
    const small = new VarintCodec({ maxValueBytes: 100 }, rawBytes);
    expect(() => small.frameLength(Buffer.from([0xff]), 0))
      .to.throw()
      .that.includes({ code: 'FRAME_TOO_LONG', length: 127, limit: 100 });
    expect(() => codec.frameLength(Buffer.alloc(10, 0xff), 0))
      .to.throw()
      .with.property('code', 'FRAME_TOO_LONG');
  });

  it('refuses a limit that is no number of bytes', () => {
    for (const maxValueBytes of [-1, 0.5, NaN, Infinity]) {
      expect(() => new VarintCodec({ maxValueBytes }, rawBytes)).to.throw(RangeError);
    }
  });
});
