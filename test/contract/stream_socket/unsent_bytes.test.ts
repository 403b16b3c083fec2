import { expect } from 'chai';
import { type StreamSocket } from '../../../lib/index';
import { expectCode } from '../../support/rejection';
import { blockSending, describeContract } from '../../support/stream_socket_contract';
import { turns } from '../../support/turns';
import { unhandledRejections } from '../../support/unhandled_rejections';

describeContract(({ connect }) => {
  describe('unsent bytes', () => {
    /** Receives until the end of the connection, whatever ends it. */
    async function drop(socket: StreamSocket): Promise<void> {
      while ((await socket.recvSome(1 << 20).catch(() => null)) !== null);
    }

    it('are counted from the call of a send until it resolves', async () => {
      const { client } = await connect();
      expect(client.unsentBytes).to.equal(0);
      const sends = [client.sendAll(Buffer.alloc(3)), client.sendMany([Buffer.alloc(4), Buffer.alloc(5)])];
      expect(client.unsentBytes).to.equal(12);
      await Promise.all(sends);
      expect(client.unsentBytes).to.equal(0);
      await client.sendMany([]);
      await client.sendAll(Buffer.alloc(0));
      expect(client.unsentBytes).to.equal(0);
    });

    it('of a peer that does not read grow with each send, and drain when it reads', async () => {
      const connection = await connect();
      const { client, server } = connection;
      await blockSending(connection);
      const before = client.unsentBytes;
      expect(before).to.be.at.least(1 << 20);
      void client.sendAll(Buffer.alloc(1000));
      expect(client.unsentBytes).to.equal(before + 1000);

      let isDrained = false;
      const drained = client.drained(1000).then(() => {
        isDrained = true;
        return client.unsentBytes;
      });
      await turns(20);
      expect(isDrained).to.equal(false);
      const reading = drop(server);
      expect(await drained).to.be.at.most(1000);
      await client.drained();
      expect(client.unsentBytes).to.equal(0);
      await client.close();
      await reading;
    });

    it('a drained that has nothing to wait for resolves; several wait side by side', async () => {
      const connection = await connect();
      const { client, server } = connection;
      await client.drained();
      await blockSending(connection);
      await client.drained(client.unsentBytes);
      const order: string[] = [];
      const all = client.drained(0).then(() => order.push('all'));
      const some = client.drained(client.unsentBytes - 1).then(() => order.push('some'));
      void client.sendAll(Buffer.from('last'));
      const reading = drop(server);
      await Promise.all([all, some]);
      expect(order).to.deep.equal(['some', 'all']);
      await client.close();
      await reading;
    });

    it('a deadline and a signal end a drained, and leave the connection as it is', async () => {
      const connection = await connect();
      const { client, server } = connection;
      const { blocked } = await blockSending(connection);
      const waiting = client.unsentBytes;
      const controller = new AbortController();
      const aborted = client.drained(0, controller);
      const error = await expectCode(client.drained(0, { timeoutMs: 5 }), 'TIMED_OUT');
      expect(error).to.include({ operation: 'drain', timeoutMs: 5, clock: 'call' });
      controller.abort(new Error('enough'));
      expect((await expectCode(aborted, 'ABORTED')).cause).to.have.property('message', 'enough');
      await expectCode(client.drained(0, controller), 'ABORTED');
      expect(client.isClosed).to.equal(false);
      expect(client.unsentBytes).to.equal(waiting);
      const reading = drop(server);
      await blocked;
      await client.close();
      await reading;
    });

    it('a close and a reset of this side end a drained; no byte is unsent then', async () => {
      for (const end of ['close', 'reset'] as const) {
        const connection = await connect();
        const { client } = connection;
        await blockSending(connection);
        const draining = client.drained();
        void client[end]();
        await expectCode(draining, 'SOCKET_CLOSED');
        expect(client.unsentBytes).to.equal(0);
        await expectCode(client.drained(), 'SOCKET_CLOSED');
      }
    });

    it('a loss ends a drained; no byte is unsent then', async () => {
      const connection = await connect();
      const { client, clientStream } = connection;
      await blockSending(connection);
      const draining = client.drained();
      clientStream.destroy(new Error('the cable was cut'));
      await expectCode(draining, 'CONNECTION_LOST');
      expect(client.unsentBytes).to.equal(0);
      await expectCode(client.drained(), 'CONNECTION_LOST');
    });

    it('drain after shutdownWrite and during lingeringClose too', async () => {
      const connection = await connect();
      const { client, server } = connection;
      await blockSending(connection);
      void client.shutdownWrite();
      const drained = client.drained();
      const lingering = client.lingeringClose();
      expect(client.unsentBytes).to.be.at.least(1 << 20);
      await expectCode(client.drained(), 'SOCKET_CLOSED');
      await drop(server);
      await drained;
      expect(client.unsentBytes).to.equal(0);
      await server.close();
      await lingering;
    });

    it('a drained that nobody awaits is no unhandled rejection, unless it is a mistake', async () => {
      const connection = await connect();
      const { client } = connection;
      await blockSending(connection);
      const unhandled = await unhandledRejections(async () => {
        void client.drained();
        void client.drained(0, { timeoutMs: 60_000 });
        void client.drained(-1);
        client.reset();
        await client.closed;
        void client.drained();
      });
      expect(unhandled.map(String)).to.deep.equal([
        'RangeError: limitBytes must be a whole number, at least 0, but is -1',
      ]);
    });

    it('an argument that cannot be used is a mistake', async () => {
      const { client } = await connect();
      for (const limitBytes of [-1, 0.5, NaN]) {
        const wrong = await client.drained(limitBytes).catch((error: unknown) => error);
        expect(wrong).to.be.instanceOf(RangeError);
      }
      const wrong = await client.drained(0, { timeoutMs: -1 }).catch((error: unknown) => error);
      expect(wrong).to.be.instanceOf(RangeError);
    });
  });
});
