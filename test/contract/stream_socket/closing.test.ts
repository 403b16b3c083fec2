import { once } from 'node:events';
import { expect } from 'chai';
import { useFakeTimers } from 'sinon';
import { expectCode, rejection } from '../../support/rejection';
import { describeContract } from '../../support/stream_socket_contract';
import { turns } from '../../support/turns';

describeContract(({ transport, connect }) => {
  describe('half-close', () => {
    it('shutdownWrite ends one direction and leaves the other open', async () => {
      const { client, server } = await connect();
      await client.sendAll(Buffer.from('question'));
      await client.shutdownWrite();
      expect(String(await server.recvExactly(8))).to.equal('question');
      expect(await server.recvExactly(1)).to.equal(null);
      await server.sendAll(Buffer.from('answer'));
      await server.shutdownWrite();
      expect(String(await client.recvExactly(6))).to.equal('answer');
      expect(await client.recvExactly(1)).to.equal(null);
      await Promise.all([client.closed, server.closed]);
    });

    it('the end arrives behind all earlier sends, of the same turn too', async () => {
      const { client, server } = await connect();
      const sending = [client.sendAll(Buffer.alloc(100_000)), client.shutdownWrite()];
      expect(await server.recvExactly(100_000)).to.have.length(100_000);
      expect(await server.recvExactly(1)).to.equal(null);
      await Promise.all(sending);
    });

    it('no send is possible behind the end; a second shutdownWrite is', async () => {
      const { client } = await connect();
      await Promise.all([client.shutdownWrite(), client.shutdownWrite()]);
      await client.shutdownWrite();
      await expectCode(client.sendAll(Buffer.from('x')), 'WRONG_STATE');
    });

    it('a first call that had no effect does not count', async () => {
      const { client, server } = await connect();
      await expectCode(client.shutdownWrite({ signal: AbortSignal.abort() }), 'ABORTED');
      await client.sendAll(Buffer.from('x'));
      await client.shutdownWrite();
      expect(String(await server.recvExactly(1))).to.equal('x');
    });
  });

  describe('closing', () => {
    it('close is idempotent, and every later call fails with SOCKET_CLOSED', async () => {
      const { client } = await connect();
      await Promise.all([client.close(), client.close()]);
      await client.close();
      client.reset();
      expect(client.isClosed).to.equal(true);
      await expectCode(client.recvExactly(1), 'SOCKET_CLOSED');
      await expectCode(client.sendAll(Buffer.from('x')), 'SOCKET_CLOSED');
      await expectCode(client.shutdownWrite(), 'SOCKET_CLOSED');
      expect(() => client.tryRecvFrame(1, () => 1))
        .to.throw()
        .with.property('code', 'SOCKET_CLOSED');
    });

    it('close delivers the bytes of every send that has resolved', async () => {
      const { client, server } = await connect();
      await client.sendAll(Buffer.from('last words'));
      await client.close();
      expect(String(await server.recvExactly(10))).to.equal('last words');
      expect(await server.recvExactly(1)).to.equal(null);
    });

    it('await using closes', async () => {
      const { client } = await connect();
      {
        await using socket = client;
        expect(socket.isClosed).to.equal(false);
      }
      expect(client.isClosed).to.equal(true);
    });

    it('lingeringClose delivers everything to a peer that goes on sending', async () => {
      const { client, server } = await connect();
      let stop = false;
      const pushing = (async () => {
        while (!stop) await client.sendAll(Buffer.alloc(10_000));
        await client.close();
      })();
      const waiting = server.recvExactly(1 << 30);
      await turns(5);
      void server.sendAll(Buffer.from('go away'));
      const draining = server.lingeringClose({ timeoutMs: 10_000 });
      await expectCode(waiting, 'SOCKET_CLOSED');
      await expectCode(server.recvExactly(1), 'SOCKET_CLOSED');
      await expectCode(server.sendAll(Buffer.from('x')), 'SOCKET_CLOSED');
      expect(String(await client.recvExactly(7))).to.equal('go away');
      expect(await client.recvExactly(1)).to.equal(null);
      stop = true;
      await Promise.all([pushing, draining]);
      expect(server.bufferedBytes).to.equal(0);
    });

    it('lingeringClose ends after its time limit', async () => {
      const { server } = await connect();
      await server.lingeringClose({ timeoutMs: 5 });
      expect(server.isClosed).to.equal(true);
    });

    it('lingeringClose has a time limit of five seconds by default', async () => {
      const connections = [await connect(), await connect(), await connect()];
      const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const { signal } = new AbortController();
        const closing = [
          connections[0]!.server.lingeringClose(),
          connections[1]!.server.lingeringClose({ timeoutMs: undefined }),
          connections[2]!.server.lingeringClose({ signal }),
        ];
        for (const { client } of connections) expect(await client.recvExactly(1)).to.equal(null);
        await clock.tickAsync(4999);
        expect(clock.countTimers()).to.equal(3);
        await clock.tickAsync(1);
        expect(clock.countTimers()).to.equal(0);
        await Promise.all(closing);
      } finally {
        clock.restore();
      }
    });

    it('lingeringClose without options ends when the peer does', async () => {
      const { client, server } = await connect();
      const closing = server.lingeringClose();
      expect(await client.recvExactly(1)).to.equal(null);
      await client.close();
      await closing;
    });

    it('lingeringClose never rejects: on a lost socket, on a closed one, with a signal that had fired', async () => {
      const [lost, closed, aborted] = [await connect(), await connect(), await connect()];
      lost.clientStream.destroy(new Error('cut'));
      await expectCode(lost.client.recvExactly(1), 'CONNECTION_LOST');
      await lost.client.lingeringClose();
      await closed.client.close();
      await closed.client.lingeringClose();
      await aborted.client.lingeringClose({ signal: AbortSignal.abort() });
      for (const { client } of [lost, closed, aborted]) await expectCode(client.recvExactly(1), 'SOCKET_CLOSED');
    });

    it('lingeringClose refuses options that cannot be used, without any effect', async () => {
      const { client, server } = await connect();
      expect(await rejection(client.lingeringClose({ timeoutMs: -1 }))).to.be.instanceOf(RangeError);
      expect(await rejection(client.lingeringClose({ signal: {} as AbortSignal }))).to.be.instanceOf(TypeError);
      await client.sendAll(Buffer.from('x'));
      expect(String(await server.recvExactly(1))).to.equal('x');
    });

    it('lingeringClose is cut short by an abort, or by close', async () => {
      const [first, second] = [await connect(), await connect()];
      const controller = new AbortController();
      const aborted = first.server.lingeringClose({ timeoutMs: 60_000, signal: controller.signal });
      controller.abort();
      const closed = second.server.lingeringClose({ timeoutMs: 60_000 });
      await second.server.close();
      await Promise.all([aborted, closed]);
    });
  });

  it('a reset by the peer while no call waits ends nothing else', async () => {
    const { client, server, serverStream } = await connect();
    const noticed = once(serverStream, transport.hasReset ? 'close' : 'end');
    client.reset();
    await noticed.catch(() => undefined);
    await server.close();
  });
});
