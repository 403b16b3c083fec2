import { expect } from 'chai';
import { LengthPrefixCodec, type LengthPrefixLayout, rawBytes } from '../../../../lib/index';

type Layout = Omit<LengthPrefixLayout, 'maxFrameBytes'>;

function codecOf(layout: Layout): LengthPrefixCodec<Buffer, Uint8Array> {
  return new LengthPrefixCodec({ maxFrameBytes: 100, ...layout }, rawBytes);
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

describe('LengthPrefixCodec', () => {
  /** The examples of Netty's documentation of `LengthFieldBasedFrameDecoder`, and one of tokio's. */
  const examples: [name: string, layout: Layout, frame: string, message: string][] = [
    ['2 bytes of length, the header kept', { lengthBytes: 2, skippedBytes: 0 }, '0003 616263', '0003 616263'],
    ['2 bytes of length, the header skipped', { lengthBytes: 2 }, '0003 616263', '616263'],
    [
      '2 bytes of length of the frame',
      { lengthBytes: 2, lengthOf: 'frame', skippedBytes: 0 },
      '0005 616263',
      '0005 616263',
    ],
    ['the same, by an adjustment', { lengthBytes: 2, lengthAdjustment: -2 }, '0005 616263', '616263'],
    [
      '3 bytes of length behind a header of 2',
      { lengthBytes: 3, lengthOffset: 2, skippedBytes: 0 },
      'cafe 000003 616263',
      'cafe 000003 616263',
    ],
    [
      '3 bytes of length in front of a header of 2, which they do not count',
      { lengthBytes: 3, lengthAdjustment: 2, skippedBytes: 0 },
      '000003 cafe 616263',
      '000003 cafe 616263',
    ],
    [
      '2 bytes of length between two headers of 1, the first one skipped',
      { lengthBytes: 2, lengthOffset: 1, lengthAdjustment: 1, skippedBytes: 3, header: hex('ca0000') },
      'ca 0003 fe 616263',
      'fe 616263',
    ],
    [
      'the same, with the length of the frame',
      { lengthBytes: 2, lengthOffset: 1, lengthAdjustment: -3, skippedBytes: 3, header: hex('ca0000') },
      'ca 0007 fe 616263',
      'fe 616263',
    ],
    [
      '4 bytes of length in little-endian, and a magic number behind it',
      { lengthBytes: 4, byteOrder: 'little-endian', skippedBytes: 6, header: hex('00000000beef') },
      '05000000 beef 616263',
      '616263',
    ],
  ];

  for (const [name, layout, frame, message] of examples) {
    it(`has frames with ${name}`, () => {
      const codec = codecOf(layout);
      const bytes = hex(frame);
      expect(codec.frameLength(bytes.subarray(0, codec.headerBytes), 0)).to.equal(bytes.length);
      expect(codec.decode(bytes, 0, bytes.length)).to.deep.equal(hex(message));
      expect(codec.encode(hex(message))).to.deep.equal(bytes);
    });
  }

  it('fills skipped bytes with zeros', () => {
    expect(codecOf({ lengthBytes: 1, lengthOffset: 2 }).encode(Buffer.from('a'))).to.deep.equal(hex('0000 01 61'));
  });

  it('writes the length over the message, where the message has the length field', () => {
    const codec = codecOf({ lengthBytes: 2, skippedBytes: 0 });
    expect(codec.encode(hex('ffff 616263'))).to.deep.equal(hex('0003 616263'));
  });

  it('refuses a frame that would end within its header, both ways', () => {
    const ofFrame = codecOf({ lengthBytes: 2, lengthOf: 'frame' });
    expect(() => ofFrame.frameLength(hex('0001'), 0))
      .to.throw()
      .with.property('code', 'INVALID_FRAME');
    const longHeader = codecOf({ lengthBytes: 1, skippedBytes: 3 });
    expect(() => longHeader.frameLength(hex('01'), 0))
      .to.throw()
      .with.property('code', 'INVALID_FRAME');
    const whole = codecOf({ lengthBytes: 4, skippedBytes: 0 });
    const uncounted = codecOf({ lengthBytes: 1, lengthAdjustment: 5 });
    for (const codec of [whole, uncounted]) {
      expect(() => codec.encode(hex('61')))
        .to.throw()
        .with.property('code', 'INVALID_VALUE');
    }
  });

  it('refuses a frame over the limit, both ways', () => {
    const codec = codecOf({ lengthBytes: 6 });
    const refused = { code: 'FRAME_TOO_LONG', length: 101, limit: 100 };
    expect(() => codec.frameLength(hex('00000000005f'), 0))
      .to.throw()
      .that.includes(refused);
    expect(() => codec.encode(Buffer.alloc(95)))
      .to.throw()
      .that.includes(refused);
    expect(codec.frameLength(codec.encode(Buffer.alloc(94)), 0)).to.equal(100);
    expect(() => codec.frameLength(hex('ffffffffffff'), 0))
      .to.throw()
      .that.includes({ code: 'FRAME_TOO_LONG', length: 2 ** 48 + 5 });
  });

  it('refuses a layout that cannot be used', () => {
    const wrong: (Partial<LengthPrefixLayout> & Layout)[] = [
      { lengthBytes: 0 },
      { lengthBytes: 7 },
      { lengthBytes: 1, lengthOffset: -1 },
      { lengthBytes: 1, lengthAdjustment: 0.5 },
      { lengthBytes: 1, skippedBytes: -1 },
      { lengthBytes: 1, header: Buffer.alloc(2) },
      { lengthBytes: 2, maxFrameBytes: 1 },
      { lengthBytes: 1, maxFrameBytes: 257 },
      { lengthBytes: 1, lengthOf: 'frame', maxFrameBytes: 256 },
    ];
    for (const layout of wrong) expect(() => codecOf(layout), JSON.stringify(layout)).to.throw(RangeError);
    expect(() => codecOf({ lengthBytes: 1, maxFrameBytes: 256 } as Layout)).not.to.throw();
  });
});
