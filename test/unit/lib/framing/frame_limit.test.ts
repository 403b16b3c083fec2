import { expect } from 'chai';
import { LimitedDecoder } from '../../../../lib/framing/frame_limit';
import { type Codec, rawBytes, VarintCodec } from '../../../../lib/index';
import { listCodec } from '../../../support/list_codec';

describe('LimitedDecoder', () => {
  const header = Buffer.from([100]);

  it('has the limit that is given, else that of the codec, else 1 MiB', () => {
    const codec: Codec<Buffer> = {
      headerBytes: 1,
      maxFrameBytes: 50,
      frameLength: () => 51,
      decode: (bytes) => bytes,
      encode: (bytes) => bytes,
    };
    const huge = { ...codec, maxFrameBytes: undefined, frameLength: () => 1_048_577 };
    const limits: [decoder: LimitedDecoder<Buffer>, limit: number][] = [
      [LimitedDecoder.of(codec, 40), 40],
      [LimitedDecoder.of(codec), 50],
      [LimitedDecoder.of(huge), 1_048_576],
    ];
    for (const [decoder, limit] of limits) {
      expect(() => decoder.frameLength(header, 0, undefined))
        .to.throw()
        .that.includes({ code: 'FRAME_TOO_LONG', limit });
    }
    expect(LimitedDecoder.of(codec, 51).frameLength(header, 0, undefined)).to.equal(51);
  });

  it('limits what a decoder asks for, too', () => {
    const decoder = LimitedDecoder.of(listCodec, 10);
    expect(decoder.frameLength(Buffer.from([2, 7]), 0, undefined)).to.deep.include({ atLeast: 9 });
    expect(() => decoder.frameLength(Buffer.from([2, 9]), 0, undefined))
      .to.throw()
      .that.includes({ code: 'FRAME_TOO_LONG', length: 11, limit: 10 });
  });

  it('is one for all connections with the same codec and limit', () => {
    const codec = new VarintCodec({ maxValueBytes: 9 }, rawBytes);
    expect(LimitedDecoder.of(codec)).to.equal(LimitedDecoder.of(codec));
    expect(LimitedDecoder.of(codec)).not.to.equal(LimitedDecoder.of(codec, 12));
    expect(LimitedDecoder.of(codec, 12)).to.equal(LimitedDecoder.of(codec, 12));
  });

  it('refuses numbers out of their range', () => {
    for (const limit of [0, -1, 1.5, NaN]) expect(() => LimitedDecoder.of(listCodec, limit)).to.throw(RangeError);
    expect(() => LimitedDecoder.of({ ...listCodec, headerBytes: 0 })).to.throw(RangeError, 'codec.headerBytes');
    expect(() => LimitedDecoder.of({ ...listCodec, headerBytes: 9 }, 8)).to.throw(RangeError, 'maxFrameBytes');
  });
});
