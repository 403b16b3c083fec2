import { expect } from 'chai';
import { type ConnectionLostError } from '../../../lib/index';
import { expectCode } from '../../support/rejection';
import { blockSending, describeContract } from '../../support/stream_socket_contract';
import { turns } from '../../support/turns';

describeContract(({ transport, connect }) => {
  describe('every wait ends', () => {
    it('a local close settles a receive and a send that wait', async () => {
      const connection = await connect();
      const { client } = connection;
      const receiving = client.recvExactly(1);
      const { blocked: sending } = await blockSending(connection);
      const closing = client.close();
      await expectCode(receiving, 'SOCKET_CLOSED');
      await expectCode(sending, 'SOCKET_CLOSED');
      await closing;
    });

    it('a local reset settles a receive, a send and a half-close that wait', async () => {
      const connection = await connect();
      const { client } = connection;
      const receiving = client.recvExactly(1);
      const { blocked: sending } = await blockSending(connection);
      const ending = client.shutdownWrite();
      client.reset();
      await expectCode(receiving, 'SOCKET_CLOSED');
      await expectCode(sending, 'SOCKET_CLOSED');
      await expectCode(ending, 'SOCKET_CLOSED');
      await client.closed;
    });

    it('a remote end settles a receive that waits', async () => {
      const { client, server } = await connect();
      const receiving = client.recvExactly(1);
      await server.close();
      expect(await receiving).to.equal(null);
    });

    it('a remote close over unread bytes settles a send that waits', async () => {
      const connection = await connect();
      const { server } = connection;
      const { blocked: sending } = await blockSending(connection);
      await server.close();
      await expectCode(sending, 'CONNECTION_LOST');
    });

    if (transport.hasReset) {
      it('a remote reset settles a receive that waits, as a loss with its cause', async () => {
        const { client, server } = await connect();
        const receiving = client.recvExactly(4);
        await server.sendAll(Buffer.from('ab'));
        while (client.bufferedBytes < 2) await turns(1);
        server.reset();
        const error = (await expectCode(receiving, 'CONNECTION_LOST')) as ConnectionLostError;
        expect(error.progress).to.deep.equal({ received: 2, expected: 4 });
        expect(error.cause).to.have.property('code', 'ECONNRESET');
        expect(client.isClosed).to.equal(true);
        expect(String(await client.recvExactly(2))).to.equal('ab');
        await expectCode(client.recvExactly(1), 'CONNECTION_LOST');
      });

      it('a remote reset settles a send that waits', async () => {
        const connection = await connect();
        const { client, server } = connection;
        const { blocked: sending } = await blockSending(connection);
        server.reset();
        await expectCode(sending, 'CONNECTION_LOST');
        await expectCode(client.shutdownWrite(), 'CONNECTION_LOST');
      });

      it('a reset right after a half-close takes place', async () => {
        const { client, server } = await connect();
        const ending = client.shutdownWrite();
        client.reset();
        await ending.catch(() => undefined);
        await client.closed;
        const swallowed = (async () => {
          while ((await server.recvSome(10)) !== null);
          for (;;) await server.sendAll(Buffer.from('x'));
        })();
        await expectCode(swallowed, 'CONNECTION_LOST');
      });

      it('a reset with a blocked send behind unread bytes is no end', async () => {
        const connection = await connect({ receiveBufferBytes: 1 });
        const { client, server } = connection;
        await blockSending(connection);
        client.reset();
        await client.closed;
        const readingAll = (async () => {
          while ((await server.recvSome(1 << 20)) !== null);
        })();
        await expectCode(readingAll, 'CONNECTION_LOST');
      });
    }

    it('a timeout settles a receive, and takes no byte with it', async () => {
      const { client, server } = await connect();
      await client.sendAll(Buffer.from('abc'));
      const error = await expectCode(server.recvExactly(5, { timeoutMs: 5 }), 'TIMED_OUT');
      expect(error).to.include({ timeoutMs: 5, clock: 'call' });
      await client.sendAll(Buffer.from('de'));
      expect(String(await server.recvExactly(5))).to.equal('abcde');
    });

    it('an abort settles a receive, and takes no byte with it', async () => {
      const { client, server } = await connect();
      const controller = new AbortController();
      const receiving = server.recvUntil('\n', { signal: controller.signal });
      await client.sendAll(Buffer.from('abc'));
      while (server.bufferedBytes < 3) await turns(1);
      controller.abort(new Error('enough'));
      const error = await expectCode(receiving, 'ABORTED');
      expect(error.cause).to.have.property('message', 'enough');
      await client.sendAll(Buffer.from('\n'));
      expect(String(await server.recvUntil('\n'))).to.equal('abc\n');
    });

    it('cancelRead settles the waiting receive, takes no byte with it, and does not affect later ones', async () => {
      const { client, server } = await connect();
      server.cancelRead();
      const receiving = server.recvExactly(4);
      await client.sendAll(Buffer.from('ab'));
      while (server.bufferedBytes < 2) await turns(1);
      const reason = new Error('enough');
      server.cancelRead(reason);
      expect((await expectCode(receiving, 'ABORTED')).cause).to.equal(reason);
      await client.sendAll(Buffer.from('cd'));
      expect(String(await server.recvExactly(4))).to.equal('abcd');
    });

    it('a signal that had fired before fails the call, even if bytes are buffered', async () => {
      const { client, server } = await connect();
      await client.sendAll(Buffer.from('abc'));
      expect(String(await server.recvExactly(1))).to.equal('a');
      await expectCode(server.recvExactly(1, { signal: AbortSignal.abort() }), 'ABORTED');
      await expectCode(server.sendAll(Buffer.from('x'), { signal: AbortSignal.abort() }), 'ABORTED');
      expect(String(await server.recvExactly(2))).to.equal('bc');
      expect(server.isClosed).to.equal(false);
    });

    it('a timeout settles a send that waits, and resets the connection', async () => {
      const connection = await connect();
      const { client } = connection;
      await blockSending(connection);
      await expectCode(client.sendAll(Buffer.from('x'), { timeoutMs: 5 }), 'TIMED_OUT');
      expect(client.isClosed).to.equal(true);
      await client.closed;
    });

    it('an abort settles a send and a half-close that wait', async () => {
      const connection = await connect();
      const { client } = connection;
      await blockSending(connection);
      const controller = new AbortController();
      const sending = client.sendAll(Buffer.from('x'), controller);
      const ending = client.shutdownWrite(controller);
      controller.abort();
      await expectCode(sending, 'ABORTED');
      await expectCode(ending, 'ABORTED');
    });

    it('an invalid time limit is refused', async () => {
      const { client } = await connect();
      for (const timeoutMs of [-1, NaN]) {
        const wrong = await client.recvExactly(1, { timeoutMs }).catch((error: unknown) => error);
        expect(wrong).to.be.instanceOf(RangeError);
      }
    });
  });
});
