import { once } from 'node:events';
import { connect, type NetConnectOpts } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import sinon, { useFakeTimers } from 'sinon';
import { type PeerSocket, type ServeOptions, type SocketError } from '../../../../lib/index';
import { describeListenSocket, portOf } from '../../../support/listen_sockets';
import { MemoryServer } from '../../../support/memory_server';
import { tlsIdentity } from '../../../support/tls_identity';
import { temporarySocketPath } from '../../../support/transports';
import { turns, until } from '../../../support/turns';

describeListenSocket(({ clients, listen, connectTo, connectInVain }) => {
  describe('a handler of serve that fails', () => {
    /** Serves with a handler that fails with `error` for each connection that begins with `x`. */
    async function serveFailing(error: unknown, options: ServeOptions = {}) {
      const listener = await listen();
      const serving = listener.serve(async (peer) => {
        const bytes = await peer.recvExactly(1);
        if (String(bytes) === 'x') throw error;
        await peer.sendAll(bytes!);
      }, options);
      return { listener, serving };
    }

    it('costs only its connection, and its error goes to onError', async () => {
      const failure = new Error('a mistake');
      const reported: unknown[] = [];
      const { listener, serving } = await serveFailing(failure, {
        onError: (error, peer) => reported.push([error, portOf(peer!.remoteAddress), peer!.isClosed]),
      });
      const [failing, other] = [await connectTo(listener), await connectTo(listener)];
      const port = failing.localPort;
      failing.resume().write('x');
      await once(failing, 'end');
      await turns(2);
      expect(reported).to.deep.equal([[failure, port, true]]);
      other.write('y');
      expect(String(((await once(other, 'data')) as [Buffer])[0])).to.equal('y');
      await listener.close();
      await serving;
      expect(listener.counters).to.include({ accepted: 2, active: 0, handlersFailed: 1 });
    });

    for (const end of ['close', 'reset'] as const) {
      it(`by a ${end} of its own connection by the program is none`, async () => {
        for (const options of [{}, { host: undefined, port: undefined, path: temporarySocketPath() }]) {
          const listener = await listen(options);
          const peers: PeerSocket[] = [];
          const reported: unknown[] = [];
          const waits = [
            async (peer: PeerSocket) => peer.recvSome(1),
            async (peer: PeerSocket) => peer.writable.getWriter().closed,
          ];
          const serving = listener.serve(async (peer) => waits[peers.push(peer) - 1]!(peer), {
            onError: (error) => reported.push(error),
          });
          for (const count of [1, 2]) {
            clients.push(connect({ ...listener.address } as NetConnectOpts).on('error', () => undefined));
            await until(() => peers.length === count, 'the handler runs');
          }
          for (const peer of peers) await peer[end]();
          await listener.close();
          await serving;
          expect(reported).to.deep.equal([]);
          expect(listener.counters).to.include({ accepted: 2, active: 0, handlersFailed: 0 });
        }
      });
    }

    it('by a close of another connection is one', async () => {
      for (const options of [{}, { host: undefined, port: undefined, path: temporarySocketPath() }]) {
        const listener = await listen(options);
        const peers: PeerSocket[] = [];
        const reported: unknown[] = [];
        const serving = listener.serve(
          async (peer) => {
            if (peers.push(peer) === 1) await peer.recvSome(1);
            else await peers[0]!.sendAll(Buffer.from('to a closed connection'));
          },
          { onError: (error, peer) => reported.push([(error as SocketError).code, peer]) },
        );
        clients.push(connect({ ...listener.address } as NetConnectOpts).on('error', () => undefined));
        await until(() => peers.length === 1, 'the first handler runs');
        await peers[0]!.close();
        clients.push(connect({ ...listener.address } as NetConnectOpts).on('error', () => undefined));
        await until(() => reported.length === 1, 'the second handler fails');
        await listener.close();
        await serving;
        expect(reported).to.deep.equal([['SOCKET_CLOSED', peers[1]]]);
        expect(listener.counters).to.include({ accepted: 2, active: 0, handlersFailed: 1 });
      }
    });

    it('at once, before its first wait, is the same', async () => {
      const listener = await listen();
      const failure = new Error('a mistake');
      const reported: unknown[] = [];
      const serving = listener.serve(
        () => {
          throw failure;
        },
        { onError: (error) => reported.push(error) },
      );
      await once((await connectTo(listener)).resume(), 'end');
      await listener.close();
      await serving;
      expect(reported).to.deep.equal([failure]);
    });

    it('is a warning of the process without onError', async () => {
      const warn = sinon.stub(process, 'emitWarning');
      const failure = new TypeError('a mistake');
      const { listener, serving } = await serveFailing(failure);
      const client = await connectTo(listener);
      client.resume().write('x');
      await once(client, 'end');
      await listener.close();
      await serving;
      expect(warn.args).to.deep.equal([[failure]]);
    });

    it('by an error of its connection is only counted without onError', async () => {
      const warn = sinon.stub(process, 'emitWarning');
      const listener = await listen();
      const serving = listener.serve(async (peer) => peer.recvExactly(5));
      const client = await connectTo(listener);
      client.resume().end('x');
      await once(client, 'end');
      await listener.close();
      await serving;
      expect(warn.args).to.deep.equal([]);
      expect(listener.counters.handlersFailed).to.equal(1);
    });
  });

  describe('a failure of accept(2) while serve runs', () => {
    const failure = Object.assign(new Error('accept ENFILE'), { code: 'ENFILE' });

    it('is reported, the next ones within 100 ms are only counted, and serving goes on', async () => {
      const clock = useFakeTimers({ toFake: ['performance'] });
      try {
        const server = new MemoryServer();
        const listener = await listen({ createServer: () => server.asServer });
        const reported: unknown[] = [];
        const serving = listener.serve((peer: PeerSocket) => peer.recvSome(1), {
          onError: (error, peer) => reported.push([performance.now(), String(error), peer]),
        });
        for (const pause of [0, 0, 99, 1, 50]) {
          clock.tick(pause);
          server.emit('error', failure);
        }
        const message = 'AcceptFailedError: accept on memory:0: accept ENFILE';
        expect(reported).to.deep.equal([
          [0, message, undefined],
          [100, message, undefined],
        ]);
        expect(listener.counters).to.include({ acceptsFailed: 5, handlersFailed: 0 });
        server.connect().end();
        await listener.close();
        await serving;
        expect(listener.counters.accepted).to.equal(1);
      } finally {
        clock.restore();
      }
    });

    it('is a warning of the process without onError', async () => {
      const warn = sinon.stub(process, 'emitWarning');
      const server = new MemoryServer();
      const listener = await listen({ createServer: () => server.asServer });
      void listener.serve(() => undefined);
      server.emit('error', failure);
      expect(warn.args.map(([warning]) => (warning as Error).name)).to.deep.equal(['AcceptFailedError']);
    });
  });

  describe('serve over TLS', () => {
    it('gives back the place of a connection whose handshake fails', async () => {
      const listener = await listen({ tls: tlsIdentity });
      const served: PeerSocket[] = [];
      const serving = listener.serve(
        async (peer) => {
          served.push(peer);
          await peer.recvSome(1);
        },
        { maxConnections: 1, maxPerAddress: 1 },
      );
      const broken = await connectTo(listener);
      await turns(2);
      await connectInVain(listener);
      broken.resume().write('this is not TLS');
      await until(() => listener.counters.handshakesFailed === 1, 'the handshake fails');
      const client = connectTls({ port: portOf(listener.address), host: '127.0.0.1', ca: tlsIdentity.cert });
      clients.push(client);
      await once(client, 'secureConnect');
      await until(() => served.length === 1, 'the handler runs');
      client.end();
      await listener.close();
      await serving;
      expect(listener.counters).to.deep.include({ accepted: 1, active: 0, handshakesFailed: 1 });
      expect(listener.counters.refused).to.include({ maxConnections: 1, maxPerAddress: 0 });
    });

    it('ends at a close of the listener within a handshake', async () => {
      const listener = await listen({ tls: tlsIdentity });
      const reasons: unknown[] = [];
      const serving = listener.serve(() => undefined, {
        onRefused: ({ reason, peer }) => reasons.push([reason, peer]),
      });
      await connectTo(listener);
      await turns(2);
      await listener.close();
      await serving;
      expect(reasons).to.deep.equal([['listenerClosed', undefined]]);
    });

    it('counts a refused connection once, if its handshake for the answer is not done', async () => {
      const listener = await listen({ tls: tlsIdentity });
      const reasons: unknown[] = [];
      const serving = listener.serve(() => undefined, {
        maxConnections: 1,
        onRefused: ({ reason, peer }) => reasons.push([reason, peer]),
      });
      await connectTo(listener);
      await connectTo(listener);
      await turns(2);
      await listener.close();
      await serving;
      expect(reasons).to.deep.equal([
        ['listenerClosed', undefined],
        ['maxConnections', undefined],
      ]);
      expect(listener.counters.refused).to.include({ listenerClosed: 1, maxConnections: 1 });
    });

    it('answers a refused connection after its handshake', async () => {
      const listener = await listen({ tls: tlsIdentity });
      const serving = listener.serve(async (peer) => peer.recvSome(1), {
        maxConnections: 1,
        onRefused: async ({ reason, peer }) => peer?.sendAll(Buffer.from(`busy: ${reason}`)),
      });
      const connect = (): ReturnType<typeof connectTls> => {
        const client = connectTls({ port: portOf(listener.address), host: '127.0.0.1', ca: tlsIdentity.cert });
        clients.push(client);
        return client;
      };
      const first = connect();
      await once(first, 'secureConnect');
      const second = connect();
      expect(String(((await once(second, 'data')) as [Buffer])[0])).to.equal('busy: maxConnections');
      await once(second, 'end');
      first.end();
      await listener.close();
      await serving;
    });
  });
});
