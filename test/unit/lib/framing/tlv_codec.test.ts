import { expect } from 'chai';
import fc from 'fast-check';
import {
  FrameRefusedError,
  InvalidTextError,
  rawBytes,
  TlvCodec,
  type TlvLayout,
  utf8Text,
} from '../../../../lib/index';

const LOTTERY: TlvLayout = {
  typeBytes: 1,
  lengthBytes: 6,
  byteOrder: 'little-endian',
  maxValueBytes: 8192,
};

describe('TlvCodec', () => {
  describe('the layout of the lottery: a letter, 6 bytes of length in little-endian, UTF-8 text', () => {
    const codec = new TlvCodec(LOTTERY, utf8Text);

    it('encodes as the protocol defines, byte for byte', () => {
      const expected = Buffer.from([0x42, 3, 0, 0, 0, 0, 0, 0xc3, 0xb1, 0x61]);
      expect(codec.encode({ type: 'B', value: 'ña' })).to.deep.equal(expected);
      expect(codec.encode({ type: 'A', value: '' })).to.deep.equal(Buffer.from([0x41, 0, 0, 0, 0, 0, 0]));
    });

    it('decodes its own frames', () => {
      const frame = codec.encode({ type: 'B', value: 'ña' });
      expect(codec.frameLength(frame.subarray(0, 7), 0)).to.equal(10);
      expect(codec.decode(frame, 0, frame.length)).to.deep.equal({ type: 'B', value: 'ña' });
    });

    it('accepts the longest value and refuses one byte more, both ways', () => {
      const frame = codec.encode({ type: 'B', value: 'x'.repeat(8192) });
      expect(codec.frameLength(frame.subarray(0, 7), 0)).to.equal(8199);
      const refused = { code: 'FRAME_TOO_LONG', type: 'B', length: 8193, limit: 8192 };
      expect(() => codec.encode({ type: 'B', value: 'x'.repeat(8193) }))
        .to.throw(FrameRefusedError)
        .that.includes(refused);
      const header = Buffer.from([0x42, 0x01, 0x20, 0, 0, 0, 0]);
      expect(() => codec.frameLength(header, 0))
        .to.throw(FrameRefusedError)
        .that.includes(refused);
    });

    it('refuses the longest length that a header can hold', () => {
      const header = Buffer.from([0x42, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
      expect(() => codec.frameLength(header, 0))
        .to.throw()
        .that.includes({ length: 2 ** 48 - 1 });
    });

    it('counts bytes, not characters', () => {
      expect(() => codec.encode({ type: 'B', value: 'ñ'.repeat(4097) }))
        .to.throw()
        .that.includes({ length: 8194 });
    });

    it('refuses a type that does not fit into its field', () => {
      for (const type of ['', 'AB', 'Ā']) {
        expect(() => codec.encode({ type, value: '' }), type)
          .to.throw()
          .that.includes({ code: 'INVALID_TYPE' });
      }
    });
  });

  it('refuses types that are not accepted, from the header, before the length', () => {
    const codec = new TlvCodec({ ...LOTTERY, acceptedTypes: ['A', 'B'] }, utf8Text);
    const header = Buffer.from([0x43, 0xff, 0xff, 0xff, 0, 0, 0]);
    expect(() => codec.frameLength(header, 0))
      .to.throw()
      .that.includes({ code: 'UNKNOWN_TYPE', type: 'C' });
  });

  it('refuses an impossible layout', () => {
    const wrong: Partial<TlvLayout>[] = [
      { typeBytes: -1 },
      { typeBytes: 9 },
      { lengthBytes: 0 },
      { lengthBytes: 7 },
      { lengthBytes: 1, maxValueBytes: 256 },
      { maxValueBytes: 1.5 },
    ];
    for (const part of wrong) {
      expect(() => new TlvCodec({ ...LOTTERY, ...part }, rawBytes)).to.throw(RangeError);
    }
  });

  it('property: any value comes back, with any layout, at any offset; the header gives the length', () => {
    const layouts = fc.record({
      typeBytes: fc.nat(8),
      lengthBytes: fc.integer({ min: 2, max: 6 }),
      byteOrder: fc.constantFrom('little-endian', 'big-endian'),
      maxValueBytes: fc.constant(65_535),
    });
    fc.assert(
      fc.property(
        layouts,
        fc.uint8Array({ maxLength: 600 }),
        fc.nat(255),
        fc.nat(20),
        (layout, bytes, character, offset) => {
          const codec = new TlvCodec(layout, rawBytes);
          const type = String.fromCharCode(character).repeat(layout.typeBytes);
          const frame = codec.encode({ type, value: bytes });
          expect(codec.frameLength(frame.subarray(0, codec.headerBytes), 0)).to.equal(frame.length);
          const received = Buffer.concat([Buffer.alloc(offset, 0xff), frame, Buffer.from('next')]);
          expect(codec.frameLength(received, offset)).to.equal(frame.length);
          const message = codec.decode(received, offset, frame.length);
          expect(message.type).to.equal(type);
          expect(Buffer.compare(message.value, bytes)).to.equal(0);
        },
      ),
    );
  });
});

describe('utf8Text', () => {
  const codec = new TlvCodec(LOTTERY, utf8Text);

  function roundTrip(value: string): string {
    const frame = codec.encode({ type: 'B', value });
    return codec.decode(frame, 0, frame.length).value;
  }

  it('refuses a lone surrogate, instead of U+FFFD for it', () => {
    for (const value of ['\ud800', 'a\udc00b']) {
      expect(() => codec.encode({ type: 'B', value }))
        .to.throw(InvalidTextError)
        .that.includes({ code: 'INVALID_TEXT' });
    }
  });

  it('refuses bytes that are not UTF-8', () => {
    const wrong = [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x61, 0x80]];
    for (const bytes of wrong) {
      expect(() => utf8Text.decode(Buffer.from(bytes)), String(bytes)).to.throw(InvalidTextError);
    }
  });

  it('keeps a byte order mark and a zero: they are part of the text', () => {
    for (const value of ['\ufeffabc', 'a\0b', '\ufffd']) {
      expect(roundTrip(value)).to.equal(value);
    }
  });

  it('property: any well-formed text comes back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (value) => {
        expect(roundTrip(value)).to.equal(value);
      }),
    );
  });
});

describe('rawBytes', () => {
  it('gives a view of the frame, not a copy', () => {
    const frame = Buffer.from('xhello');
    expect(rawBytes.decode(frame.subarray(1)).buffer).to.equal(frame.buffer);
  });
});
