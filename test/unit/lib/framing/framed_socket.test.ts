import { expect } from 'chai';
import { FramedSocket, TlvCodec, utf8Text } from '../../../../lib/index';
import { connectedPair } from '../../../../lib/testing/index';
import { expectCode } from '../../../support/rejection';

describe('FramedSocket', () => {
  const codec = new TlvCodec(
    { typeBytes: 1, lengthBytes: 2, byteOrder: 'big-endian', maxValueBytes: 10, acceptedTypes: ['A'] },
    utf8Text,
  );

  it('tryReceive gives a complete message, and never waits', async () => {
    const [left, right] = connectedPair();
    const framed = new FramedSocket(right, codec);
    expect(framed.tryReceive()).to.equal(undefined);
    const frame = codec.encode({ type: 'A', value: 'hi' });
    await left.sendAll(frame.subarray(0, 4));
    expect(framed.tryReceive()).to.equal(undefined);
    await left.sendAll(frame.subarray(4));
    while (right.bufferedBytes < frame.length) await new Promise((resolve) => setImmediate(resolve));
    expect(framed.tryReceive()).to.deep.equal({ type: 'A', value: 'hi' });
  });

  it('a message that the codec refuses is not sent, nor are the others of its call', async () => {
    const [left, right] = connectedPair();
    const framed = new FramedSocket(left, codec);
    const good = { type: 'A', value: 'good' };
    await expectCode(framed.send({ type: 'A', value: 'x'.repeat(11) }), 'FRAME_TOO_LONG');
    await expectCode(framed.sendMany([good, { type: 'A', value: '\ud800' }]), 'INVALID_TEXT');
    await framed.sendMany([good, good]);
    await framed.close();
    const received = [];
    for await (const message of new FramedSocket(right, codec)) received.push(message);
    expect(received).to.deep.equal([good, good]);
  });

  it('a message stays if its header is refused, and is taken if its value is refused', async () => {
    const [left, right] = connectedPair();
    const framed = new FramedSocket(right, codec);
    const bad = Buffer.from([0x41, 0, 1, 0xff]);
    await left.sendMany([bad, codec.encode({ type: 'A', value: 'next' }), Buffer.from([0x42, 0, 0])]);
    await expectCode(framed.receive(), 'INVALID_TEXT');
    expect(await framed.receive()).to.deep.equal({ type: 'A', value: 'next' });
    await expectCode(framed.receive(), 'UNKNOWN_TYPE');
    await expectCode(framed.receive(), 'UNKNOWN_TYPE');
    expect(right.bufferedBytes).to.equal(3);
  });

  it('break out of for await closes nothing', async () => {
    const [left, right] = connectedPair();
    const [sender, receiver] = [new FramedSocket(left, codec), new FramedSocket(right, codec)];
    await sender.sendMany(['1', '2'].map((value) => ({ type: 'A', value })));
    for await (const message of receiver) {
      expect(message.value).to.equal('1');
      break;
    }
    expect((await receiver.receive())?.value).to.equal('2');
    await sender.send({ type: 'A', value: '3' });
    expect((await receiver.receive())?.value).to.equal('3');
  });

  it('is closed by await using', async () => {
    const [left, right] = connectedPair();
    {
      await using framed = new FramedSocket(left, codec);
      await framed.send({ type: 'A', value: '' });
    }
    expect(left.isClosed).to.equal(true);
    await right.close();
  });
});
