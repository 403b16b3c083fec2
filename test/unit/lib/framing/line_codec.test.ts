import { expect } from 'chai';
import { FramedSocket, LineCodec, rawBytes, utf8Text } from '../../../../lib/index';
import { connectedPair } from '../../../../lib/testing/index';
import { expectCode } from '../../../support/rejection';

describe('LineCodec', () => {
  it('ends a line with its delimiter, which is no part of the message', () => {
    const codec = new LineCodec({ maxLineBytes: 10 }, utf8Text);
    expect(String(codec.encode('ñ'))).to.equal('ñ\n');
    const bytes = Buffer.from('one\n\ntwo');
    expect(codec.frameLength(bytes, 0)).to.equal(4);
    expect(codec.decode(bytes, 0, 4)).to.equal('one');
    expect(codec.frameLength(bytes, 4)).to.equal(1);
    expect(codec.decode(bytes, 4, 1)).to.equal('');
    expect(codec.frameLength(bytes, 5)).to.deep.equal({ atLeast: 4 });
  });

  it('takes any bytes for a delimiter', () => {
    const codec = new LineCodec({ delimiter: Buffer.from([0, 0xff]), maxLineBytes: 10 }, rawBytes);
    expect(codec.encode(Buffer.from([0, 1]))).to.deep.equal(Buffer.from([0, 1, 0, 0xff]));
    expect(codec.frameLength(Buffer.from([0, 0, 0xff, 0xff]), 0)).to.equal(3);
  });

  it('removes one carriage return from the end of a received line, if that is wanted', () => {
    const bytes = Buffer.from('a\r\r\n');
    expect(new LineCodec({ maxLineBytes: 9 }, utf8Text).decode(bytes, 0, 4)).to.equal('a\r\r');
    expect(new LineCodec({ maxLineBytes: 9, trimCarriageReturn: true }, utf8Text).decode(bytes, 0, 4)).to.equal('a\r');
  });

  it('does not send a line that contains its end', () => {
    const cases: [LineCodec<string>, string][] = [
      [new LineCodec({ maxLineBytes: 99 }, utf8Text), 'RCPT TO:<a>\nDATA'],
      [new LineCodec({ maxLineBytes: 99 }, utf8Text), '\n'],
      [new LineCodec({ maxLineBytes: 99, delimiter: 'aa' }, utf8Text), 'ba'],
      [new LineCodec({ maxLineBytes: 99, trimCarriageReturn: true }, utf8Text), 'a\r'],
    ];
    for (const [codec, line] of cases) {
      expect(() => codec.encode(line))
        .to.throw()
        .with.property('code', 'INVALID_VALUE');
    }
  });

  it('counts the bytes of the line for its limit, not those of its end', async () => {
    const codec = new LineCodec({ delimiter: '\r\n', maxLineBytes: 4 }, utf8Text);
    const [left, right] = connectedPair();
    await left.sendAll(Buffer.from('four\r\nfives\r\n'));
    const framed = new FramedSocket(right, codec);
    expect(await framed.receive()).to.equal('four');
    expect(await expectCode(framed.receive(), 'FRAME_TOO_LONG')).to.include({ length: 5, limit: 4 });
    expect(() => codec.encode('fives'))
      .to.throw()
      .that.includes({ code: 'FRAME_TOO_LONG', length: 5, limit: 4 });
  });

  it('refuses a layout that cannot be used', () => {
    for (const layout of [{ maxLineBytes: -1 }, { maxLineBytes: 1.5 }, { maxLineBytes: 9, delimiter: '' }]) {
      expect(() => new LineCodec(layout, utf8Text)).to.throw(RangeError);
    }
  });
});
