import { expect } from 'chai';
import fc from 'fast-check';
import { useFakeTimers } from 'sinon';
import { type Codec, FramedSocket, type UnexpectedEofError } from '../../../lib/index';
import { listCodec } from '../../support/list_codec';
import { expectCode } from '../../support/rejection';
import { describeContract } from '../../support/stream_socket_contract';
import { turns } from '../../support/turns';

describeContract(({ connect }) => {
  describe('a message of several parts', () => {
    const message = ['one', '', 'three'];
    const frame = listCodec.encode(message);

    for (let offset = 1; offset < frame.length; offset++) {
      it(`is an error with a count if it is cut after ${offset} of its ${frame.length} bytes`, async () => {
        const { client, server } = await connect();
        const framed = new FramedSocket(server, listCodec);
        await client.sendAll(Buffer.concat([frame, frame.subarray(0, offset)]));
        await client.close();
        expect(await framed.receive()).to.deep.equal(message);
        const error = (await expectCode(framed.receive(), 'UNEXPECTED_EOF')) as UnexpectedEofError;
        expect(error.received).to.equal(offset);
        expect(error.expected).to.be.within(offset + 1, frame.length);
      });
    }

    it('is taken as a whole or not at all, by reads that are given up', async () => {
      const { client, server } = await connect();
      const framed = new FramedSocket(server, listCodec);
      for (let sent = 0; sent < frame.length; sent++) {
        const read = framed.receive();
        await client.sendAll(frame.subarray(sent, sent + 1));
        while (server.bufferedBytes < sent + 1 && sent < frame.length - 1) await turns(1);
        if (sent === frame.length - 1) expect(await read).to.deep.equal(message);
        else {
          server.cancelRead();
          await expectCode(read, 'ABORTED');
          expect(framed.tryReceive()).to.equal(undefined);
        }
      }
      expect(server.bufferedBytes).to.equal(0);
    });

    it('has one message clock, which its parts do not restart', async () => {
      const { client, server } = await connect();
      const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
      try {
        const receiving = new FramedSocket(server, listCodec).receive({ idleTimeoutMs: 3000, messageTimeoutMs: 5000 });
        const failure = expectCode(receiving, 'TIMED_OUT');
        await client.sendAll(Buffer.from([200]));
        for (let part = 0; part < 5; part++) {
          while (server.bufferedBytes < 1 + 4 * part) await turns(1);
          await clock.tickAsync(1000);
          if (part < 4) await client.sendAll(Buffer.from('\x03abc'));
        }
        expect(await failure).to.include({ clock: 'message', timeoutMs: 5000 });
        expect(server.bufferedBytes).to.equal(17);
      } finally {
        clock.restore();
      }
    });

    it('property: arrives unchanged, from any pieces', async () => {
      const { client, server } = await connect();
      const incoming = new FramedSocket(server, listCodec);
      const texts = fc.array(fc.string({ unit: 'binary-ascii', maxLength: 255 }), { maxLength: 12 });
      await fc.assert(
        fc.asyncProperty(fc.array(texts, { maxLength: 8 }), fc.array(fc.nat(2000)), async (messages, cuts) => {
          const bytes = Buffer.concat(messages.map((each) => listCodec.encode(each)));
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

  describe('the limit of a frame', () => {
    /** A codec without a check: 4 bytes of length, and the value. */
    const trustingCodec: Codec<Buffer> = {
      headerBytes: 4,
      frameLength: (bytes, offset) => 4 + bytes.readUInt32BE(offset),
      decode: (bytes, offset, length) => bytes.subarray(offset + 4, offset + length),
      encode: (value) => Buffer.concat([Buffer.from([0, 0, value.length >> 8, value.length & 0xff]), value]),
    };

    it('refuses a frame from its header, whatever the codec says, and takes no byte', async () => {
      const { client, server } = await connect();
      const framed = new FramedSocket(server, trustingCodec, { maxFrameBytes: 1000 });
      await client.sendMany([trustingCodec.encode(Buffer.alloc(996, 1)), trustingCodec.encode(Buffer.alloc(997, 2))]);
      expect(await framed.receive()).to.deep.equal(Buffer.alloc(996, 1));
      for (let time = 0; time < 2; time++) {
        expect(await expectCode(framed.receive(), 'FRAME_TOO_LONG')).to.include({ length: 1001, limit: 1000 });
      }
      expect(() => framed.tryReceive())
        .to.throw()
        .with.property('code', 'FRAME_TOO_LONG');
    });

    it('is 1 MiB for a codec without one', async () => {
      const { client, server } = await connect();
      const framed = new FramedSocket(server, trustingCodec);
      await client.sendAll(Buffer.from([0x12, 0, 0, 0]));
      const error = await expectCode(framed.receive(), 'FRAME_TOO_LONG');
      expect(error).to.include({ length: 0x12000004, limit: 1_048_576 });
    });

    it('bounds a decoder that only ever asks for more', async () => {
      const { client, server } = await connect({ receiveBufferBytes: 4096 });
      const greedy: Codec<Buffer> = {
        ...trustingCodec,
        headerBytes: 1,
        frameLength: (bytes, offset) => ({ atLeast: bytes.length - offset + 1 }),
      };
      const framed = new FramedSocket(server, greedy, { maxFrameBytes: 50_000 });
      const sending = client.sendAll(Buffer.alloc(8_000_000)).catch(() => undefined);
      const error = await expectCode(framed.receive(), 'FRAME_TOO_LONG');
      expect(error).to.include({ limit: 50_000 });
      await turns(20);
      expect(server.bufferedBytes).to.be.at.most(50_000 + 65_536);
      await server.close();
      await sending;
    });
  });
});
