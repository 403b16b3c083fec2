import { expect } from 'chai';
import { type ConnectionLostError, FramedSocket, type StreamSocket } from '../../../lib/index';
import { expectCode } from '../../support/rejection';
import { blockSending, codec, describeContract } from '../../support/stream_socket_contract';
import { unhandledRejections } from '../../support/unhandled_rejections';

describeContract(({ transport, connect }) => {
  describe('sends that nobody awaits', () => {
    /** One send of each kind, with deadlines and without. */
    function sendWithoutWaiting(socket: StreamSocket, controller = new AbortController()): void {
      const framed = new FramedSocket(socket, codec);
      const message = { type: 'A', value: 'x' };
      for (const options of [undefined, { timeoutMs: 60_000 }, { signal: controller.signal }]) {
        void socket.sendAll(Buffer.from('x'), options);
        void socket.sendMany([Buffer.from('x'), Buffer.from('y')], options);
        void framed.send(message, options);
        void framed.sendMany([message, message], options);
      }
    }

    it('are no unhandled rejections where the connection is lost; the next read and closed have the loss', async () => {
      const connection = await connect();
      const { client, clientStream } = connection;
      const { closed } = client;
      const cable = new Error('the cable was cut');
      await blockSending(connection);
      const unhandled = await unhandledRejections(async () => {
        sendWithoutWaiting(client);
        void client.shutdownWrite();
        clientStream.destroy(cable);
        await closed;
        sendWithoutWaiting(client);
        void client.shutdownWrite();
      });
      expect(unhandled).to.deep.equal([]);
      expect((await expectCode(client.recvExactly(1), 'CONNECTION_LOST')).cause).to.equal(cable);
      for (const end of [await closed, await client.closed]) {
        expect(end).to.include({ code: 'CONNECTION_LOST', operation: 'stay connected', cause: cable });
        if (transport.name === 'TCP') {
          expect(end!.message).to.match(
            /^stay connected to 127\.0\.0\.1:\d+: the connection was lost \(the cable was cut\)$/,
          );
        }
      }
    });

    it('are no unhandled rejections where this side closes', async () => {
      for (const end of ['close', 'reset'] as const) {
        const connection = await connect();
        const { client } = connection;
        await blockSending(connection);
        const unhandled = await unhandledRejections(async () => {
          sendWithoutWaiting(client);
          void client.shutdownWrite({ timeoutMs: 60_000 });
          void client[end]();
          sendWithoutWaiting(client);
          void client.shutdownWrite();
          await client.closed;
        });
        expect(unhandled).to.deep.equal([]);
        await expectCode(client.recvExactly(1), 'SOCKET_CLOSED');
        expect(await client.closed).to.equal(undefined);
      }
    });

    it('are no unhandled rejections where a deadline or a signal ends them', async () => {
      for (const isAborted of [true, false]) {
        const connection = await connect();
        const { client } = connection;
        await blockSending(connection);
        const controller = new AbortController();
        const unhandled = await unhandledRejections(async () => {
          sendWithoutWaiting(client, controller);
          if (isAborted) controller.abort();
          else void client.sendAll(Buffer.from('x'), { timeoutMs: 1 });
          await client.closed;
          sendWithoutWaiting(client, controller);
        });
        expect(unhandled).to.deep.equal([]);
        await expectCode(client.recvExactly(1), 'SOCKET_CLOSED');
      }
    });

    it('that are mistakes are unhandled rejections, since nothing else tells of them', async () => {
      const { client } = await connect();
      const framed = new FramedSocket(client, codec);
      const tooLong = { type: 'A', value: 'x'.repeat(10_000) };
      const unhandled = await unhandledRejections(async () => {
        void client.sendAll('text' as unknown as Uint8Array);
        void client.sendMany(['text' as unknown as Uint8Array]);
        void client.sendAll(Buffer.from('x'), { timeoutMs: -1 });
        void framed.send(tooLong);
        void framed.sendMany([tooLong]);
        await client.shutdownWrite();
        void client.sendAll(Buffer.from('x'));
      });
      expect(unhandled.map((error) => (error as { code?: string }).code ?? (error as Error).name)).to.deep.equal([
        'TypeError',
        'TypeError',
        'RangeError',
        'FRAME_TOO_LONG',
        'FRAME_TOO_LONG',
        'WRONG_STATE',
      ]);
    });

    it('reject all the same for those that await them', async () => {
      const connection = await connect();
      const { client, clientStream } = connection;
      await blockSending(connection);
      const sends = [
        client.sendAll(Buffer.from('x')),
        client.sendAll(Buffer.from('x'), { timeoutMs: 60_000 }),
        client.sendMany([Buffer.from('x')]),
        client.shutdownWrite(),
      ].map((each) => expectCode(each, 'CONNECTION_LOST'));
      clientStream.destroy();
      await Promise.all(sends);
      await client.closed;
      await expectCode(client.sendAll(Buffer.from('x')), 'CONNECTION_LOST');
    });
  });

  describe('closed', () => {
    it('gives nothing after an end in order, and after a close', async () => {
      const { client, server } = await connect();
      await Promise.all([client.shutdownWrite(), server.shutdownWrite()]);
      expect([await client.recvExactly(1), await server.recvExactly(1)]).to.deep.equal([null, null]);
      expect([await client.closed, await server.closed]).to.deep.equal([undefined, undefined]);
      const other = await connect();
      void other.client.close();
      expect(await other.client.closed).to.equal(undefined);
    });

    it('gives the loss, though this side closes the lost socket afterwards', async () => {
      const { client, clientStream } = await connect();
      const cause = new Error('the cable was cut');
      clientStream.destroy(cause);
      await expectCode(client.recvExactly(1), 'CONNECTION_LOST');
      await client.close();
      expect(((await client.closed) as ConnectionLostError).cause).to.equal(cause);
      await expectCode(client.recvExactly(1), 'SOCKET_CLOSED');
    });

    if (transport.hasReset) {
      it("gives the loss of sends behind the peer's end, which no read can give", async () => {
        const { client, server } = await connect();
        await server.shutdownWrite();
        expect(await client.recvExactly(1)).to.equal(null);
        server.reset();
        const unhandled = await unhandledRejections(async () => {
          while (!client.isClosed) {
            void client.sendAll(Buffer.from('x'));
            await new Promise((resolve) => setImmediate(resolve));
          }
        });
        expect(unhandled).to.deep.equal([]);
        expect(await client.recvExactly(1)).to.equal(null);
        expect(await client.closed).to.have.property('code', 'CONNECTION_LOST');
      });
    }
  });
});
