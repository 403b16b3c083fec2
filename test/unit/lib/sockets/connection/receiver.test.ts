import { expect } from 'chai';
import fc from 'fast-check';
import sinon, { useFakeTimers } from 'sinon';
import { Connection } from '../../../../../lib/sockets/connection/connection';
import { type FrameDecoder } from '../../../../../lib/sockets/connection/frame_decoder';
import { Receiver } from '../../../../../lib/sockets/connection/receiver';
import { exactly, frameOf, receiverWith } from '../../../../support/receivers';
import { expectCode, rejection } from '../../../../support/rejection';

/** Frames of one byte of length and so many bytes of text; the length 255 is refused, and so is the text `bad`. */
const decoder: FrameDecoder<string> = {
  headerBytes: 1,
  frameLength(bytes, offset) {
    if (bytes[offset] === 255) throw new Error('refused from its header');
    return 1 + bytes[offset]!;
  },
  decode(bytes, offset, length) {
    const text = bytes.toString('latin1', offset + 1, offset + length);
    if (text === 'bad') throw new Error('refused for its content');
    return text;
  },
};

describe('Receiver', () => {
  afterEach(() => sinon.restore());

  describe('a read', () => {
    it('takes the buffered frame, and leaves the bytes behind it', async () => {
      const { receiver } = receiverWith();
      receiver.onData(Buffer.concat([frameOf('one'), frameOf('two'), Buffer.from([5])]));
      expect(await receiver.receive(decoder, undefined)).to.equal('one');
      expect(receiver.tryReceive(decoder)).to.equal('two');
      expect(receiver.tryReceive(decoder)).to.equal(undefined);
      expect(receiver.bufferedBytes).to.equal(1);
    });

    it('waits until the last byte of its frame is there', async () => {
      const { receiver } = receiverWith();
      let isSettled = false;
      const reading = receiver.receive(decoder, undefined).finally(() => (isSettled = true));
      for (const byte of frameOf('abc').subarray(0, 3)) {
        receiver.onData(Buffer.from([byte]));
        await Promise.resolve();
        expect(isSettled).to.equal(false);
      }
      receiver.onData(Buffer.from('cd'));
      expect(await reading).to.equal('abc');
      expect(receiver.bufferedBytes).to.equal(1);
    });

    it('is refused while another waits, and does not affect it', async () => {
      const { receiver } = receiverWith();
      const first = receiver.receive(decoder, undefined);
      await expectCode(receiver.receive(decoder, undefined), 'CONCURRENT_READ');
      expect(() => receiver.tryReceive(decoder))
        .to.throw()
        .with.property('code', 'CONCURRENT_READ');
      receiver.onData(frameOf('abc'));
      expect(await first).to.equal('abc');
    });

    it('is refused before the connection is open', async () => {
      const receiver = new Receiver(new Connection(), 1000);
      await expectCode(receiver.receive(decoder, undefined), 'WRONG_STATE');
      expect(() => receiver.tryReceive(decoder))
        .to.throw()
        .with.property('code', 'WRONG_STATE');
    });

    it('that the decoder refuses from the header takes no byte, buffered or waiting', async () => {
      const { receiver } = receiverWith();
      const waiting = receiver.receive(decoder, undefined);
      receiver.onData(Buffer.from([255, 1]));
      expect((await rejection(waiting)).message).to.equal('refused from its header');
      expect((await rejection(receiver.receive(decoder, undefined))).message).to.equal('refused from its header');
      expect(receiver.bufferedBytes).to.equal(2);
    });

    it('that the decoder refuses for its content takes the frame, buffered or waiting', async () => {
      const { receiver } = receiverWith();
      const waiting = receiver.receive(decoder, undefined);
      receiver.onData(Buffer.concat([frameOf('bad'), frameOf('bad'), frameOf('good')]));
      expect((await rejection(waiting)).message).to.equal('refused for its content');
      expect((await rejection(receiver.receive(decoder, undefined))).message).to.equal('refused for its content');
      expect(await receiver.receive(decoder, undefined)).to.equal('good');
    });

    it('that is given up takes no byte: by a deadline, a signal, cancelRead', async () => {
      const { receiver } = receiverWith();
      const controller = new AbortController();
      receiver.onData(frameOf('abc').subarray(0, 2));

      await expectCode(receiver.receive(decoder, { timeoutMs: 0 }), 'TIMED_OUT');
      const aborted = receiver.receive(decoder, controller);
      controller.abort(new Error('enough'));
      expect((await expectCode(aborted, 'ABORTED')).cause).to.have.property('message', 'enough');
      const cancelled = receiver.receive(decoder, undefined);
      receiver.cancelRead('stop');
      expect((await expectCode(cancelled, 'ABORTED')).cause).to.equal('stop');

      receiver.cancelRead('nothing waits');
      receiver.onData(frameOf('abc').subarray(2));
      expect(await receiver.receive(decoder, undefined)).to.equal('abc');
    });

    it('leaves no clock behind after any end', async () => {
      const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const options = { timeoutMs: 1000, idleTimeoutMs: 1000, messageTimeoutMs: 1000 };
      const ends: readonly ((receiver: Receiver, connection: Connection) => void)[] = [
        (receiver) => receiver.onData(frameOf('abc')),
        (receiver) => receiver.onData(Buffer.from([255])),
        (receiver) => receiver.onEnd(),
        (receiver) => receiver.cancelRead(undefined),
        (_, connection) => connection.lose(new Error('cut')),
        (_, connection) => connection.close(),
      ];
      for (const end of ends) {
        const { receiver, connection } = receiverWith();
        const reading = receiver.receive(decoder, options).catch(() => undefined);
        expect(clock.countTimers()).to.equal(2);
        end(receiver, connection);
        await reading;
        expect(clock.countTimers(), String(end)).to.equal(0);
      }
    });
  });

  describe('the clocks of a message', () => {
    it('idle until the first byte, then the message, over reads that are given up', async () => {
      const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
      const { receiver } = receiverWith();
      const options = { idleTimeoutMs: 1000, messageTimeoutMs: 3000 };
      const idle = expectCode(receiver.receive(decoder, options), 'TIMED_OUT');
      await clock.tickAsync(1000);
      expect(await idle).to.include({ clock: 'idle', timeoutMs: 1000 });

      const begun = expectCode(receiver.receive(decoder, options), 'ABORTED');
      await clock.tickAsync(500);
      receiver.onData(Buffer.from([3, 97]));
      await clock.tickAsync(2000);
      receiver.cancelRead(undefined);
      await begun;
      const second = expectCode(receiver.receive(decoder, options), 'TIMED_OUT');
      await clock.tickAsync(1000);
      expect(await second).to.include({ clock: 'message', timeoutMs: 3000 });
    });
  });

  it('the message clock starts anew for each message', async () => {
    const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const { receiver } = receiverWith();
    const options = { messageTimeoutMs: 1000 };
    for (const text of ['one', 'two', 'three']) {
      const reading = receiver.receive(decoder, options);
      receiver.onData(frameOf(text).subarray(0, 2));
      await clock.tickAsync(900);
      receiver.onData(frameOf(text).subarray(2));
      expect(await reading).to.equal(text);
    }
  });

  describe('the pause', () => {
    function watched(bufferLimit: number): { receiver: Receiver; calls: string[] } {
      const { receiver, connection } = receiverWith(bufferLimit);
      const calls: string[] = [];
      sinon.stub(connection.stream, 'pause').callsFake(() => (calls.push('pause'), connection.stream));
      sinon.stub(connection.stream, 'resume').callsFake(() => (calls.push('resume'), connection.stream));
      return { receiver, calls };
    }

    it('begins above the limit and ends at it', async () => {
      const { receiver, calls } = watched(10);
      receiver.onData(Buffer.alloc(10));
      expect(calls).to.deep.equal([]);
      receiver.onData(Buffer.alloc(1));
      receiver.onData(Buffer.alloc(5));
      expect(calls).to.deep.equal(['pause']);
      await receiver.receive(exactly(5), undefined);
      expect(calls).to.deep.equal(['pause']);
      await receiver.receive(exactly(1), undefined);
      expect(calls).to.deep.equal(['pause', 'resume']);
    });

    it('gives way to a read that needs more than the limit', async () => {
      const { receiver, calls } = watched(10);
      receiver.onData(Buffer.alloc(11));
      const reading = receiver.receive(exactly(30), undefined);
      receiver.onData(Buffer.alloc(15));
      expect(calls).to.deep.equal(['pause', 'resume']);
      receiver.onData(Buffer.alloc(15));
      expect(await reading).to.have.length(30);
      expect(calls).to.deep.equal(['pause', 'resume', 'pause']);
      expect(receiver.bufferedBytes).to.equal(11);
    });
  });

  describe('the end', () => {
    it('is null between frames, and again', async () => {
      const { receiver } = receiverWith();
      const waiting = receiver.receive(decoder, undefined);
      receiver.onEnd();
      expect(await waiting).to.equal(null);
      expect(await receiver.receive(decoder, undefined)).to.equal(null);
      expect(receiver.isEnded).to.equal(true);
    });

    it('is an error within a frame, behind the frames that are whole, and again', async () => {
      const { receiver } = receiverWith();
      receiver.onData(Buffer.concat([frameOf('abc'), Buffer.from([4, 97])]));
      receiver.onEnd();
      expect(await receiver.receive(decoder, undefined)).to.equal('abc');
      for (let time = 0; time < 2; time++) {
        const error = await expectCode(receiver.receive(decoder, undefined), 'UNEXPECTED_EOF');
        expect(error).to.include({ received: 2, expected: 5 });
      }
      expect(String(await receiver.receive(exactly(2), undefined))).to.equal('\u0004a');
    });
  });

  describe('a loss', () => {
    it('comes behind the frames that are whole, with the progress of the read', async () => {
      const { receiver, connection } = receiverWith();
      receiver.onData(Buffer.concat([frameOf('abc'), Buffer.from([4, 97])]));
      const cause = new Error('cut');
      connection.lose(cause);
      expect(await receiver.receive(decoder, undefined)).to.equal('abc');
      const error = await expectCode(receiver.receive(decoder, undefined), 'CONNECTION_LOST');
      expect(error).to.deep.include({ cause, progress: { received: 2, expected: 5 } });
    });

    it('fails the read that waits', async () => {
      const { receiver, connection } = receiverWith();
      const waiting = receiver.receive(decoder, undefined);
      connection.lose(new Error('cut'));
      await expectCode(waiting, 'CONNECTION_LOST');
    });

    it('after the peer’s end is not reported', async () => {
      const { receiver, connection } = receiverWith();
      receiver.onEnd();
      connection.lose(new Error('cut'));
      expect(await receiver.receive(decoder, undefined)).to.equal(null);
    });
  });

  describe('a close on this side', () => {
    for (const close of ['close', 'reset', 'beginClosing'] as const) {
      it(`fails every read and drops all bytes: ${close}`, async () => {
        const { receiver, connection } = receiverWith();
        const waiting = receiver.receive(exactly(5), undefined);
        receiver.onData(Buffer.from('abc'));
        connection[close]();
        await expectCode(waiting, 'SOCKET_CLOSED');
        receiver.onData(Buffer.from('def'));
        expect(receiver.bufferedBytes).to.equal(0);
        await expectCode(receiver.receive(exactly(1), undefined), 'SOCKET_CLOSED');
        expect(() => receiver.tryReceive(exactly(1)))
          .to.throw()
          .with.property('code', 'SOCKET_CLOSED');
      });
    }

    it('comes before an end and before a loss', async () => {
      const { receiver, connection } = receiverWith();
      receiver.onEnd();
      connection.lose(new Error('cut'));
      connection.close();
      await expectCode(receiver.receive(decoder, undefined), 'SOCKET_CLOSED');
    });
  });

  it('property: frames cut into any chunks are received in order, by reads that wait and reads that do not', async () => {
    const texts = fc.array(
      fc.string({ unit: 'binary-ascii', maxLength: 200 }).filter((text) => text !== 'bad'),
      {
        maxLength: 10,
      },
    );
    await fc.assert(
      fc.asyncProperty(texts, fc.array(fc.nat(500)), fc.boolean(), async (expected, cuts, isReadFirst) => {
        const { receiver } = receiverWith();
        const bytes = Buffer.concat(expected.map(frameOf));
        const received: (string | null)[] = [];
        const readAll = async (): Promise<void> => {
          for (;;) {
            const text = await receiver.receive(decoder, undefined);
            if (text === null) return;
            received.push(text);
          }
        };
        let reading = isReadFirst ? readAll() : undefined;
        let from = 0;
        for (const to of [...cuts.sort((one, other) => one - other), bytes.length]) {
          receiver.onData(bytes.subarray(from, to));
          from = Math.max(from, Math.min(to, bytes.length));
          await Promise.resolve();
        }
        reading ??= readAll();
        receiver.onEnd();
        await reading;
        expect(received).to.deep.equal(expected);
      }),
    );
  });
});
