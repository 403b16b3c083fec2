import { expect } from 'chai';
import { FramedSocket, NetstringCodec, utf8Text } from '../../../../lib/index';
import { connectedPair } from '../../../../lib/testing/index';
import { expectCode } from '../../../support/rejection';

describe('NetstringCodec', () => {
  const codec = new NetstringCodec({ maxValueBytes: 1000 }, utf8Text);

  it('has the examples of the specification', () => {
    expect(String(codec.encode('hello world!'))).to.equal('12:hello world!,');
    expect(String(codec.encode(''))).to.equal('0:,');
    const bytes = Buffer.from('x12:hello world!,0:,');
    expect(codec.frameLength(bytes, 1)).to.equal(16);
    expect(codec.decode(bytes, 1, 16)).to.equal('hello world!');
    expect(codec.frameLength(bytes, 17)).to.equal(3);
    expect(codec.decode(bytes, 17, 3)).to.equal('');
  });

  it('counts bytes, not characters', () => {
    expect(String(codec.encode('ñandú'))).to.equal('7:ñandú,');
  });

  it('asks for the least that can follow', () => {
    const cases: [received: string, atLeast: number][] = [
      ['12:', 16],
      ['12:hello', 16],
      ['123', 3 + 1 + 123 + 1],
    ];
    for (const [received, atLeast] of cases) {
      expect(codec.frameLength(Buffer.from(received), 0), received).to.deep.equal({ atLeast });
    }
  });

  it('refuses what is no netstring, each time and with no byte taken', async () => {
    for (const received of ['abc', ':a,', ' 1:a,', '+1:a,', '-1:a', '01:a,', '00:,', '1a:b', '1:ab', '0:;', '1 :a,']) {
      const [left, right] = connectedPair();
      await left.sendAll(Buffer.from(received));
      const framed = new FramedSocket(right, codec);
      for (let time = 0; time < 2; time++) await expectCode(framed.receive(), 'INVALID_FRAME');
      expect(right.bufferedBytes, received).to.equal(received.length);
    }
  });

  it('refuses a length over the limit at the digit that makes it so', () => {
    expect(() => codec.frameLength(Buffer.from('1001'), 0))
      .to.throw()
      .that.includes({ code: 'FRAME_TOO_LONG', length: 1001, limit: 1000 });
    expect(codec.frameLength(Buffer.from('1000'), 0)).to.deep.equal({ atLeast: 1006 });
    expect(() => codec.frameLength(Buffer.alloc(500, '9'), 0))
      .to.throw()
      .with.property('code', 'FRAME_TOO_LONG');
  });

  it('refuses a limit that is no number of bytes', () => {
    for (const maxValueBytes of [-1, 0.5, NaN, Infinity]) {
      expect(() => new NetstringCodec({ maxValueBytes }, utf8Text)).to.throw(RangeError);
    }
  });
});
