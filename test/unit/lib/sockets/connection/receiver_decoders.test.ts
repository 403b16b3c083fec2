import { expect } from 'chai';
import sinon, { useFakeTimers } from 'sinon';
import { type FrameDecoder, type IncompleteFrame } from '../../../../../lib/sockets/connection/frame_decoder';
import { exactly, frameOf, receiverWith } from '../../../../support/receivers';
import { expectCode, rejection } from '../../../../support/rejection';

describe('Receiver: decoders', () => {
  afterEach(() => sinon.restore());

  describe('a decoder that asks for more bytes', () => {
    /** Frames of any number of parts, each of one byte of length and its text; a part of length 0 is the last. */
    class PartsDecoder implements FrameDecoder<string> {
      readonly headerBytes = 1;
      /** The positions at which `frameLength` has begun to examine. */
      readonly begunAt: number[] = [];

      frameLength(bytes: Buffer, offset: number, before?: Parts): number | Parts {
        let position = before?.position ?? 0;
        this.begunAt.push(position);
        const available = bytes.length - offset;
        while (position < available) {
          const length = bytes[offset + position]!;
          if (length === 255) throw new Error('refused in a part');
          if (length === 0) return position + 1;
          if (position + 1 + length >= available) return { atLeast: position + 1 + length + 1, position };
          position += 1 + length;
        }
        throw new Error('asked in vain');
      }

      decode(bytes: Buffer, offset: number, length: number): string {
        return bytes.toString('latin1', offset, offset + length);
      }
    }
    interface Parts extends IncompleteFrame {
      readonly position: number;
    }
    const message = Buffer.concat([...['one', 'three', 'x'.repeat(200)].map(frameOf), Buffer.from([0])]);

    it('gets one frame, in one pass, if its bytes are there', () => {
      const { receiver } = receiverWith();
      const parts = new PartsDecoder();
      receiver.onData(Buffer.concat([message, message]));
      expect(receiver.tryReceive(parts)).to.equal(message.toString('latin1'));
      expect(receiver.tryReceive(parts)).to.equal(message.toString('latin1'));
      expect(parts.begunAt).to.deep.equal([0, 0]);
    });

    it('is asked once for each number of bytes that it needs, and goes on where it was', async () => {
      const { receiver } = receiverWith();
      const parts = new PartsDecoder();
      const reading = receiver.receive(parts, undefined);
      for (const byte of message) receiver.onData(Buffer.from([byte]));
      expect(await reading).to.equal(message.toString('latin1'));
      expect(parts.begunAt).to.deep.equal([0, 0, 4, 10]);
    });

    it('gets bytes of several chunks as one piece', () => {
      for (let cut = 1; cut < message.length; cut++) {
        const { receiver } = receiverWith();
        for (const chunk of [message.subarray(0, cut), message.subarray(cut), message]) receiver.onData(chunk);
        expect(receiver.tryReceive(new PartsDecoder()), `cut at ${cut}`).to.equal(message.toString('latin1'));
        expect(receiver.bufferedBytes).to.equal(message.length);
      }
    });

    it('does not examine bytes again after a read that was given up', async () => {
      const { receiver } = receiverWith();
      const parts = new PartsDecoder();
      for (const byte of message.subarray(0, -1)) {
        receiver.onData(Buffer.from([byte]));
        const read = receiver.receive(parts, undefined);
        receiver.cancelRead(undefined);
        await expectCode(read, 'ABORTED');
      }
      receiver.onData(Buffer.from([0]));
      expect(await receiver.receive(parts, undefined)).to.equal(message.toString('latin1'));
      expect(parts.begunAt.filter((position) => position === 0).length).to.equal(2);
      expect(parts.begunAt).to.deep.equal([...parts.begunAt].sort((one, other) => one - other));
    });

    it('gets its own answers only, and those for the frame at hand', async () => {
      const { receiver } = receiverWith();
      const [first, second] = [new PartsDecoder(), new PartsDecoder()];
      receiver.onData(message.subarray(0, 12));
      expect(receiver.tryReceive(first)).to.equal(undefined);
      expect(receiver.tryReceive(second)).to.equal(undefined);
      expect(second.begunAt[0]).to.equal(0);
      expect(String(await receiver.receive(exactly(4), undefined))).to.equal('\u0003one');
      second.begunAt.length = 0;
      receiver.onData(message.subarray(12));
      expect(receiver.tryReceive(second)).to.equal(message.toString('latin1', 4));
      expect(second.begunAt[0]).to.equal(0);
    });

    it('refuses in any part, with no byte taken', async () => {
      const { receiver } = receiverWith();
      const reading = receiver.receive(new PartsDecoder(), undefined);
      receiver.onData(frameOf('one'));
      receiver.onData(Buffer.from([255, 0]));
      expect((await rejection(reading)).message).to.equal('refused in a part');
      expect(receiver.bufferedBytes).to.equal(6);
    });

    it('has one end and one message clock for all parts', async () => {
      const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
      const { receiver } = receiverWith();
      const late = expectCode(receiver.receive(new PartsDecoder(), { messageTimeoutMs: 1000 }), 'TIMED_OUT');
      for (const text of ['one', 'two', 'three']) {
        receiver.onData(frameOf(text));
        await clock.tickAsync(400);
      }
      expect(await late).to.include({ clock: 'message', timeoutMs: 1000 });
      const cut = receiver.receive(new PartsDecoder(), undefined);
      receiver.onEnd();
      expect(await expectCode(cut, 'UNEXPECTED_EOF')).to.include({ received: 14, expected: 15 });
    });

    it('fails the read if it asks for bytes that it was shown', async () => {
      for (const atLeast of [3, 0, -1, NaN, 4.5, Infinity]) {
        const { receiver } = receiverWith();
        receiver.onData(Buffer.from('abc'));
        const stuck: FrameDecoder<string> = { headerBytes: 1, frameLength: () => ({ atLeast }), decode: String };
        expect(await rejection(receiver.receive(stuck, undefined))).to.be.instanceOf(RangeError);
        expect(receiver.bufferedBytes).to.equal(3);
      }
    });
  });

  it('a search for a delimiter that trickles in looks at each byte once', async () => {
    const { receiver } = receiverWith();
    const search = sinon.spy(Buffer.prototype, 'indexOf');
    const reading = receiver.receiveUntil(Buffer.from('\r\n'), 100_000, undefined);
    for (let index = 0; index < 20_000; index++) receiver.onData(Buffer.from('x'));
    receiver.onData(Buffer.from('\r'));
    receiver.onData(Buffer.from('\nrest'));
    expect((await reading)!.length).to.equal(20_002);
    expect(receiver.bufferedBytes).to.equal(4);
    const searched = search.getCalls().map((call) => (call.thisValue as Buffer).length - (call.args[1] as number));
    expect(searched.reduce((sum, each) => sum + each, 0)).to.be.below(3 * 20_006);
  });
});
