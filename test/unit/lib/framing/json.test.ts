import { expect } from 'chai';
import sinon from 'sinon';
import { FramedSocket, InvalidValueError, json, LineCodec, numericType, TlvCodec } from '../../../../lib/index';
import { connectedPair } from '../../../../lib/testing/index';
import { expectCode } from '../../../support/rejection';

describe('json', () => {
  afterEach(() => sinon.restore());

  it('encodes a value once for a message', () => {
    const codec = new LineCodec({ maxLineBytes: 100 }, json());
    const stringify = sinon.spy(JSON, 'stringify');
    expect(String(codec.encode({ name: 'ñ\n', list: [1, null] }))).to.equal('{"name":"ñ\\n","list":[1,null]}\n');
    expect(stringify.callCount).to.equal(1);
  });

  it('refuses text that is no JSON, and the next message follows', async () => {
    const [left, right] = connectedPair();
    const framed = new FramedSocket(right, new LineCodec({ maxLineBytes: 100 }, json<unknown>()));
    await left.sendAll(Buffer.concat([Buffer.from('{"a":\n\n'), Buffer.from([0xff, 0x0a]), Buffer.from('[1]\n')]));
    expect((await expectCode(framed.receive(), 'INVALID_VALUE')).cause).to.be.instanceOf(SyntaxError);
    await expectCode(framed.receive(), 'INVALID_VALUE');
    await expectCode(framed.receive(), 'INVALID_TEXT');
    expect(await framed.receive()).to.deep.equal([1]);
  });

  it('refuses a value that the check of the program refuses, with its error as the cause', () => {
    const wrong = new Error('no number');
    const format = json((value): number => {
      if (typeof value === 'number') return value;
      throw wrong;
    });
    expect(format.decode(Buffer.from('1'))).to.equal(1);
    expect(() => format.decode(Buffer.from('"1"')))
      .to.throw(InvalidValueError)
      .that.includes({ code: 'INVALID_VALUE', cause: wrong });
  });

  it('refuses to send what has no JSON', () => {
    const circle: unknown[] = [];
    circle.push(circle);
    for (const value of [undefined, () => 1, Symbol('a'), 1n, circle]) {
      expect(() => json<unknown>().encode(value))
        .to.throw(InvalidValueError)
        .with.property('code', 'INVALID_VALUE');
    }
  });

  it('is bounded by the limit of the codec, both ways', () => {
    const codec = new LineCodec({ maxLineBytes: 5 }, json<unknown>());
    expect(() => codec.encode('four'))
      .to.throw()
      .with.property('code', 'FRAME_TOO_LONG');
    expect(() => codec.frameLength(Buffer.from('"four"\n'), 0))
      .to.throw()
      .with.property('code', 'FRAME_TOO_LONG');
  });
});

describe('numericType', () => {
  const layout = {
    typeBytes: 2,
    lengthBytes: 1,
    maxValueBytes: 9,
    typeFormat: numericType,
    acceptedTypes: [1, 65_535],
  };
  const codec = new TlvCodec({ ...layout, byteOrder: 'big-endian' }, json<number>());

  it('has a type in the byte order of the length', () => {
    expect([...codec.encode({ type: 65_534, value: 7 })]).to.deep.equal([0xff, 0xfe, 1, 0x37]);
    const littleEndian = new TlvCodec({ ...layout, byteOrder: 'little-endian' }, json<number>());
    expect([...littleEndian.encode({ type: 65_534, value: 7 })]).to.deep.equal([0xfe, 0xff, 1, 0x37]);
    expect(codec.decode(Buffer.from([0, 1, 1, 0x37]), 0, 4)).to.deep.equal({ type: 1, value: 7 });
  });

  it('refuses a type that is not accepted, and one that does not fit', () => {
    expect(() => codec.frameLength(Buffer.from([0, 2, 1]), 0))
      .to.throw()
      .that.includes({ code: 'UNKNOWN_TYPE', type: 2 });
    for (const type of [-1, 65_536, 0.5, NaN]) {
      expect(() => codec.encode({ type, value: 7 }))
        .to.throw()
        .that.includes({ code: 'INVALID_TYPE' });
    }
  });

  it('refuses a type field that is too large for a number', () => {
    expect(() => new TlvCodec({ ...layout, typeBytes: 7, byteOrder: 'big-endian' }, json())).to.throw(RangeError);
  });
});
