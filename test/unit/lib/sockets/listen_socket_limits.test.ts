import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Duplex } from 'node:stream';
import { expect } from 'chai';
import { useFakeTimers } from 'sinon';
import { formatAddress, type ListenSocket, type Refusal, type ServeOptions } from '../../../../lib/index';
import { describeListenSocket, portOf } from '../../../support/listen_sockets';
import { MemoryServer } from '../../../support/memory_server';
import { turns, until } from '../../../support/turns';

/** Connects three times to the port of the argument, each time with a reset at once. */
const CONNECT_AND_RESET = `
for (let each = 0; each < 3; each++) {
  const socket = require('node:net').connect(Number(process.argv[1]), '127.0.0.1', () => socket.resetAndDestroy());
}`;

describeListenSocket(({ clients, listen, connectTo, connectInVain }) => {
  describe('a limit of serve', () => {
    /** Serves connections until their clients end. */
    async function serve(options: ServeOptions): Promise<ListenSocket> {
      const listener = await listen({ host: '0.0.0.0' });
      void listener.serve(async (peer) => peer.recvSome(1), options);
      return listener;
    }

    /** Connects, and resolves when the connection is served. */
    async function connectFrom(listener: ListenSocket, localAddress: string): Promise<Socket> {
      const { accepted } = listener.counters;
      const client = connect({ port: portOf(listener.address), host: '127.0.0.1', localAddress });
      clients.push(client);
      await until(() => listener.counters.accepted > accepted, 'the connection is served');
      return client;
    }

    it('refuses a connection that was reset before it could be accepted: it has no address to count', async () => {
      const refusals: Refusal[] = [];
      const listener = await listen({ host: '127.0.0.1' });
      void listener.serve(() => {}, { maxPerAddress: 1, onRefused: (refusal) => refusals.push(refusal) });
      const port = String(portOf(listener.address));
      // This process cannot accept meanwhile.
      execFileSync(process.execPath, ['-e', CONNECT_AND_RESET, port]);
      await until(() => listener.refusedConnections === 3, 'three connections are refused');
      expect(listener.counters).to.deep.include({ accepted: 0, active: 0 });
      expect(listener.counters.refused.lost).to.equal(3);
      expect(refusals).to.deep.equal(
        Array.from({ length: 3 }, () => ({ reason: 'lost', remoteAddress: undefined, peer: undefined })),
      );
    });

    it('maxConnections resets further connections, until one has ended', async () => {
      const listener = await serve({ maxConnections: 2 });
      const first = await connectFrom(listener, '127.0.0.1');
      await connectFrom(listener, '127.0.0.2');
      await connectInVain(listener);
      first.end();
      await until(() => listener.counters.active === 1, 'one has ended');
      await connectFrom(listener, '127.0.0.3');
      expect(listener.counters.refused.maxConnections).to.equal(1);
      expect(listener.refusedConnections).to.equal(1);
    });

    it('maxPerAddress leaves room for other addresses', async () => {
      const listener = await serve({ maxPerAddress: 1 });
      const first = await connectFrom(listener, '127.0.0.1');
      await connectInVain(listener, '127.0.0.1');
      await connectFrom(listener, '127.0.0.2');
      first.end();
      await until(() => listener.counters.active === 1, 'the first has ended');
      await connectFrom(listener, '127.0.0.1');
      expect(listener.counters.refused.maxPerAddress).to.equal(1);
    });

    it('applies to the connections that were waiting before serve', async () => {
      const listener = await listen();
      const [first, second] = [await connectTo(listener), await connectTo(listener)];
      await new Promise((resolve) => setImmediate(resolve));
      void listener.serve(async (peer) => peer.recvSome(1), { maxPerAddress: 1 });
      await new Promise((resolve) => second.once('close', resolve));
      expect(first.destroyed).to.equal(false);
      expect(listener.counters).to.include({ accepted: 1, active: 1 });
      expect(listener.counters.refused.maxPerAddress).to.equal(1);
    });

    it('connectsPerSecond is a token bucket of each IPv4 address, and of each /64 prefix of IPv6', async () => {
      const clock = useFakeTimers({ toFake: ['performance'] });
      try {
        const server = new MemoryServer();
        const listener = await listen({ createServer: () => server.asServer });
        const served: string[] = [];
        void listener.serve((peer) => void served.push(formatAddress(peer.remoteAddress)), { connectsPerSecond: 2 });
        const connectAll = (...hosts: string[]): void => {
          for (const [remotePort, remoteAddress] of hosts.entries()) {
            server.connect({ remoteAddress, remotePort }).on('error', () => undefined);
          }
        };
        connectAll('192.0.2.1', '192.0.2.1', '::ffff:192.0.2.1', '192.0.2.2');
        connectAll('2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8:0:1::1');
        clock.tick(500);
        connectAll('192.0.2.1', '192.0.2.1', '2001:db8::4', '2001:db8::5');
        expect(served).to.deep.equal([
          ...['192.0.2.1:0', '192.0.2.1:1', '192.0.2.2:3'],
          ...['[2001:db8::1]:0', '[2001:db8::2]:1', '[2001:db8:0:1::1]:3'],
          ...['192.0.2.1:0', '[2001:db8::4]:2'],
        ]);
        expect(listener.counters.refused.connectsPerSecond).to.equal(4);
      } finally {
        clock.restore();
      }
    });

    it('connectBurst is the capacity of this bucket', async () => {
      const listener = await serve({ connectsPerSecond: 0.001, connectBurst: 2 });
      await connectFrom(listener, '127.0.0.1');
      await connectFrom(listener, '127.0.0.1');
      await connectInVain(listener, '127.0.0.1');
      expect(listener.counters.refused.connectsPerSecond).to.equal(1);
    });

    it('admit refuses connections, which count for no other limit', async () => {
      const asked: (string | undefined)[] = [];
      const isWelcome = (host: string): boolean => host !== '127.0.0.2';
      const listener = await serve({
        maxPerAddress: 1,
        admit: (remote) => {
          asked.push(remote && formatAddress(remote).replace(/:\d+$/, ''));
          return remote?.host !== undefined && isWelcome(remote.host);
        },
      });
      await connectInVain(listener, '127.0.0.2');
      await connectFrom(listener, '127.0.0.1');
      expect(asked).to.deep.equal(['127.0.0.2', '127.0.0.1']);
      expect(listener.counters.refused).to.include({ admit: 1, maxPerAddress: 0 });
    });

    it('for addresses does not concern Unix sockets and other streams without one', async () => {
      const server = new MemoryServer();
      const listener = await listen({ createServer: () => server.asServer });
      let served = 0;
      void listener.serve(() => void served++, { connectsPerSecond: 1, maxPerAddress: 1 });
      for (let client = 0; client < 3; client++) server.connect();
      expect(served).to.equal(3);
    });
  });

  describe('onRefused of serve', () => {
    /** Serves one connection at most; the answers to further ones wait for `finish`. */
    async function serveOne(options: ServeOptions = {}) {
      const server = new MemoryServer();
      const listener = await listen({ createServer: () => server.asServer });
      const refusals: Refusal[] = [];
      const finish: (() => void)[] = [];
      const serving = listener.serve(async (peer) => peer.recvSome(1), {
        maxConnections: 1,
        onRefused: async (refusal) => {
          refusals.push(refusal);
          if (refusal.peer === undefined) return;
          await refusal.peer.sendAll(Buffer.from('busy'));
          await new Promise<void>((resolve) => finish.push(resolve));
        },
        ...options,
      });
      const connectNext = (): Duplex => server.connect({ remoteAddress: '192.0.2.1', remotePort: refusals.length });
      return { listener, serving, refusals, finish, first: connectNext(), connectNext };
    }

    it('answers refused connections, which are closed at its end', async () => {
      const { listener, refusals, finish, connectNext } = await serveOne();
      const refused = connectNext();
      expect(String(((await once(refused, 'data')) as [Buffer])[0])).to.equal('busy');
      expect(refusals).to.have.length(1);
      expect(refusals[0]).to.deep.include({
        reason: 'maxConnections',
        remoteAddress: { host: '192.0.2.1', port: 0 },
      });
      finish[0]!();
      await once(refused, 'end');
      expect(listener.counters).to.include({ accepted: 1, active: 1 });
    });

    it('gets no connection beyond maxRefusing, which is reset, until an answer is done', async () => {
      const { listener, refusals, finish, connectNext } = await serveOne({ maxRefusing: 2 });
      const refused = [connectNext(), connectNext()];
      const [error] = (await once(connectNext(), 'error')) as [NodeJS.ErrnoException];
      expect(error.code).to.equal('ECONNRESET');
      expect(refusals.map(({ reason, peer }) => [reason, peer !== undefined])).to.deep.equal([
        ['maxConnections', true],
        ['maxConnections', true],
        ['maxConnections', false],
      ]);
      await until(() => finish.length === 2, 'the answers are sent');
      finish[0]!();
      await once(refused[0]!.resume(), 'end');
      await turns(2);
      connectNext();
      expect(refusals.at(-1)!.peer).not.to.equal(undefined);
      expect(listener.counters.refused.maxConnections).to.equal(4);
    });

    it('gets answersPerSecond of one address, after maxRefusing at once; the others are reset', async () => {
      const clock = useFakeTimers({ toFake: ['performance'] });
      try {
        const { refusals, finish, connectNext } = await serveOne({ maxRefusing: 2, answersPerSecond: 10 });
        /** A refused connection. Whether it was answered. */
        const refuse = async (): Promise<boolean> => {
          const client = connectNext()
            .on('error', () => undefined)
            .resume();
          await turns(3);
          finish.pop()?.();
          await until(() => client.destroyed || client.readableEnded, 'the connection has ended');
          return refusals.at(-1)!.peer !== undefined;
        };
        expect([await refuse(), await refuse(), await refuse()]).to.deep.equal([true, true, false]);
        clock.tick(100);
        expect([await refuse(), await refuse()]).to.deep.equal([true, false]);
        expect(refusals).to.have.length(5);
      } finally {
        clock.restore();
      }
    });

    it('is joined by serve, and cut off by closeAndDrain', async () => {
      const { listener, serving, first, finish, connectNext } = await serveOne();
      connectNext().on('error', () => undefined);
      await until(() => finish.length === 1, 'the answer is sent');
      first.end();
      await until(() => listener.counters.active === 0, 'the handler has ended');
      let isResolved = false;
      void serving.then(() => (isResolved = true));
      expect(await listener.closeAndDrain({ timeoutMs: 0 })).to.equal(1);
      expect(isResolved).to.equal(false);
      finish[0]!();
      await serving;
    });

    it('that fails costs only its connection, and its error goes to onError', async () => {
      const failure = new Error('a mistake');
      const reported: unknown[] = [];
      const { listener, connectNext } = await serveOne({
        onRefused: () => {
          throw failure;
        },
        onError: (error, peer) => reported.push([error, portOf(peer!.remoteAddress)]),
      });
      await once(connectNext().resume(), 'end');
      expect(reported).to.deep.equal([[failure, 0]]);
      expect(listener.counters).to.include({ accepted: 1, active: 1, handlersFailed: 1 });
    });
  });
});
