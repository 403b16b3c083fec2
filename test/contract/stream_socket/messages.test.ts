import { expect } from 'chai';
import fc from 'fast-check';
import { useFakeTimers } from 'sinon';
import { FramedSocket, type UnexpectedEofError } from '../../../lib/index';
import { expectCode } from '../../support/rejection';
import { codec, describeContract } from '../../support/stream_socket_contract';
import { type Connection } from '../../support/transports';
import { turns } from '../../support/turns';

describeContract(({ connect }) => {
  describe('ends of messages', () => {
    const frame = codec.encode({ type: 'B', value: 'héllo' });

    for (let offset = 1; offset < frame.length; offset++) {
      const expected = offset < codec.headerBytes ? codec.headerBytes : frame.length;

      it(`a cut after ${offset} of a message's ${frame.length} bytes is an error with both counts`, async () => {
        const { client, server } = await connect();
        const framed = new FramedSocket(server, codec);
        await client.sendAll(Buffer.concat([frame, frame.subarray(0, offset)]));
        await client.close();
        expect(await framed.receive()).to.deep.equal({ type: 'B', value: 'héllo' });
        const error = (await expectCode(framed.receive(), 'UNEXPECTED_EOF')) as UnexpectedEofError;
        expect([error.received, error.expected]).to.deep.equal([offset, expected]);
      });
    }

    it('an end between two messages ends the loop', async () => {
      const { client, server } = await connect();
      await client.sendMany([frame, frame]);
      await client.close();
      const received = [];
      for await (const message of new FramedSocket(server, codec)) received.push(message.value);
      expect(received).to.deep.equal(['héllo', 'héllo']);
    });
  });

  describe('deadlines of a message', () => {
    let connection: Connection;
    let clock: ReturnType<typeof useFakeTimers> | undefined;

    beforeEach(async () => {
      connection = await connect();
      clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    });
    afterEach(() => clock?.restore());

    it('a peer that trickles a byte a second is cut off', async () => {
      const { client, server } = connection;
      const frame = codec.encode({ type: 'B', value: 'x'.repeat(100) });
      const receiving = new FramedSocket(server, codec).receive({ idleTimeoutMs: 3000, messageTimeoutMs: 5000 });
      const failure = expectCode(receiving, 'TIMED_OUT');
      await clock!.tickAsync(2000);
      for (let second = 1; second <= 5; second++) {
        await client.sendAll(frame.subarray(second - 1, second));
        while (server.bufferedBytes < second) await turns(1);
        await clock!.tickAsync(1000);
      }
      expect(await failure).to.include({ clock: 'message', timeoutMs: 5000 });
      expect(server.bufferedBytes).to.equal(5);
    });

    it('a read that is given up and begun again does not restart the message clock', async () => {
      const { client, server } = connection;
      await client.sendAll(Buffer.from('ab'));
      while (server.bufferedBytes < 2) await turns(1);
      const first = expectCode(server.recvExactly(3, { timeoutMs: 4000, messageTimeoutMs: 5000 }), 'TIMED_OUT');
      await clock!.tickAsync(4000);
      expect(await first).to.include({ clock: 'call' });
      const second = expectCode(server.recvExactly(3, { messageTimeoutMs: 5000 }), 'TIMED_OUT');
      await clock!.tickAsync(1000);
      expect(await second).to.include({ clock: 'message' });
    });

    it('a silent peer is cut off by the idle clock, which stops at the first byte', async () => {
      const { client, server } = connection;
      const silent = expectCode(server.recvExactly(2, { idleTimeoutMs: 1000 }), 'TIMED_OUT');
      await clock!.tickAsync(1000);
      expect(await silent).to.include({ clock: 'idle', timeoutMs: 1000 });
      const begun = server.recvExactly(2, { idleTimeoutMs: 1000 });
      await client.sendAll(Buffer.from('a'));
      while (server.bufferedBytes < 1) await turns(1);
      await clock!.tickAsync(60_000);
      await client.sendAll(Buffer.from('b'));
      expect(String(await begun)).to.equal('ab');
    });
  });

  it('property: any messages arrive unchanged, from any pieces', async () => {
    const { client, server } = await connect();
    const incoming = new FramedSocket(server, codec);
    const message = fc.record({
      type: fc.constantFrom('A', 'B', 'Z'),
      value: fc.string({ unit: 'grapheme', maxLength: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 8 }), fc.array(fc.nat(400)), async (messages, cuts) => {
        const bytes = Buffer.concat(messages.map((each) => codec.encode(each)));
        const sending = (async () => {
          let from = 0;
          for (const to of [...cuts.sort((one, other) => one - other), bytes.length]) {
            await client.sendAll(bytes.subarray(from, to));
            from = Math.max(from, Math.min(to, bytes.length));
          }
        })();
        for (const expected of messages) expect(await incoming.receive()).to.deep.equal(expected);
        await sending;
        expect(server.bufferedBytes).to.equal(0);
      }),
      { numRuns: 60 },
    );
  });
});
