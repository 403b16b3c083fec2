import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import fc from 'fast-check';
import { useFakeTimers } from 'sinon';
import {
  type ListenSocket,
  type ListenSocketOptions,
  type PeerSocket,
  type ProxyHeaderRefusedError,
  type ProxyProtocolOptions,
} from '../../../../lib/index';
import { describeListenSocket } from '../../../support/listen_sockets';
import { MemoryServer } from '../../../support/memory_server';
import { anyHeader, REFUSED_HEADERS, v1, v2 } from '../../../support/proxy_headers';
import { expectCode } from '../../../support/rejection';
import { tlsIdentity } from '../../../support/tls_identity';
import { temporarySocketPath } from '../../../support/transports';
import { turns, until } from '../../../support/turns';

const HEADER = v1('TCP4 192.0.2.7 192.0.2.1 4711 443');
const CLIENT = { host: '192.0.2.7', port: 4711 };
const PROXY = { remoteAddress: '10.0.0.1', remotePort: 1 };

describeListenSocket(({ clients, peers, listen, connectTo, accept }) => {
  describe('the PROXY protocol', () => {
    let errors: ProxyHeaderRefusedError[];

    beforeEach(() => {
      errors = [];
    });

    async function listenBehindProxy(
      proxyProtocol: Partial<ProxyProtocolOptions> = {},
      options: Partial<ListenSocketOptions> = {},
    ): Promise<ListenSocket> {
      const onRefused = (error: ProxyHeaderRefusedError): unknown => errors.push(error);
      return listen({
        proxyProtocol: { trusted: ['127.0.0.1', '10.0.0.0/8'], onRefused, ...proxyProtocol },
        ...options,
      });
    }

    async function listenInMemory(proxyProtocol: Partial<ProxyProtocolOptions> = {}) {
      const server = new MemoryServer();
      return { server, listener: await listenBehindProxy(proxyProtocol, { createServer: () => server.asServer }) };
    }

    async function closed(client: Socket): Promise<void> {
      client.on('error', () => undefined).resume();
      if (!client.destroyed) await new Promise((resolve) => client.once('close', resolve));
    }

    it('gives the address of the client and that of the proxy, and all bytes behind the header', async () => {
      const listener = await listenBehindProxy();
      const proxy = await connectTo(listener);
      proxy.write(Buffer.concat([HEADER, Buffer.from('hel')]));
      const peer = await accept(listener);
      proxy.write('lo');
      expect(peer.remoteAddress).to.deep.equal(CLIENT);
      expect(peer.proxyAddress).to.deep.equal({ host: '127.0.0.1', port: proxy.localPort });
      expect(peer.localAddress).to.deep.equal(listener.address);
      expect(String(await peer.recvExactly(5))).to.equal('hello');
      await peer.sendAll(Buffer.from('world'));
      expect(String(((await once(proxy, 'data')) as [Buffer])[0])).to.equal('world');
      proxy.end();
      expect(await peer.recvSome(1)).to.equal(null);
    });

    it('is the same for any header, in any pieces, with any bytes behind it', async () => {
      const { server, listener } = await listenInMemory();
      const cuts = fc.array(fc.nat(), { maxLength: 10 });
      await fc.assert(
        fc.asyncProperty(anyHeader, fc.uint8Array({ maxLength: 40 }), cuts, async ({ bytes, source }, rest, places) => {
          const proxy = server.connect(PROXY);
          const all = Buffer.concat([bytes, rest]);
          const ends = places.map((place) => place % all.length).sort((one, other) => one - other);
          let start = 0;
          for (const end of [...ends, all.length]) {
            proxy.write(all.subarray(start, end));
            start = end;
            await turns(1);
          }
          proxy.end();
          const peer = await accept(listener);
          const received = rest.length === 0 ? Buffer.alloc(0) : await peer.recvExactly(rest.length);
          expect(received!.equals(rest)).to.equal(true);
          expect(await peer.recvSome(1)).to.equal(null);
          const real = { host: PROXY.remoteAddress, port: PROXY.remotePort };
          expect([peer.remoteAddress, peer.proxyAddress]).to.deep.equal([source ?? real, real]);
          await peer.close();
        }),
      );
    });

    it('resets a connection that ends within its header, at every truncation, and counts it', async () => {
      const { server, listener } = await listenInMemory();
      const headers = [HEADER, v2(0x21, 0x11, Buffer.alloc(12, 1))];
      let count = 0;
      for (const header of headers) {
        for (let length = 0; length < header.length; length++) {
          const proxy = server.connect(PROXY).on('error', () => undefined);
          proxy.end(header.subarray(0, length));
          await until(() => proxy.destroyed, 'the connection is reset');
          expect(errors.at(-1)!.message).to.equal(
            `accept on memory:0: the PROXY header of 10.0.0.1:1 was not complete at the end, after ${length} bytes`,
          );
          count++;
        }
      }
      expect(errors).to.have.length(count);
      expect(listener.counters.refused.proxyHeader).to.equal(count);
      await expectCode(listener.accept({ timeoutMs: 0 }), 'TIMED_OUT');
    });

    it('resets a connection with a header that cannot be used, with the reason', async () => {
      const { server, listener } = await listenInMemory();
      for (const { bytes, problem } of REFUSED_HEADERS) {
        const proxy = server.connect(PROXY).on('error', () => undefined);
        proxy.write(bytes);
        await until(() => proxy.destroyed, 'the connection is reset');
        expect(errors.at(-1)!.message)
          .to.match(/the PROXY header of 10.0.0.1:1 /)
          .and.contain(problem);
      }
      expect(errors[0]).to.include({
        code: 'PROXY_HEADER_REFUSED',
        name: 'ProxyHeaderRefusedError',
        operation: 'accept',
      });
      expect(listener.counters.refused.proxyHeader).to.equal(REFUSED_HEADERS.length);
    });

    it('resets a connection that is lost within its header, with the cause', async () => {
      const listener = await listenBehindProxy();
      const proxy = await connectTo(listener);
      proxy.write('PROXY');
      await turns(3);
      proxy.resetAndDestroy();
      await until(() => errors.length === 1, 'the loss is noticed');
      expect(errors[0]!.cause).to.have.property('code', 'ECONNRESET');
      expect(errors[0]!.message).to.contain('was not complete when the connection was lost (read ECONNRESET)');
    });

    it('resets a connection whose header is not complete in time, whatever trickles in', async () => {
      const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const { server, listener } = await listenInMemory({ timeoutMs: 500 });
        const [silent, slow, done] = [server.connect(PROXY), server.connect(PROXY), server.connect(PROXY)];
        for (const proxy of [silent, slow]) proxy.on('error', () => undefined);
        done.write(HEADER);
        await accept(listener);
        for (let byte = 0; byte < 5; byte++) {
          await clock.tickAsync(99);
          slow.write(HEADER.subarray(byte, byte + 1));
          await turns(2);
        }
        expect(errors).to.deep.equal([]);
        await clock.tickAsync(5);
        await until(() => silent.destroyed && slow.destroyed, 'both are reset');
        const message = 'accept on memory:0: the PROXY header of 10.0.0.1:1 was not complete within 500 ms';
        expect(errors.map((error) => error.message)).to.deep.equal([message, message]);
        expect(clock.countTimers()).to.equal(0);
        expect(done.destroyed).to.equal(false);
      } finally {
        clock.restore();
      }
    });

    it('has five seconds by default', async () => {
      const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const { server, listener } = await listenInMemory();
        server.connect(PROXY).on('error', () => undefined);
        await clock.tickAsync(4999);
        expect(listener.counters.refused.proxyHeader).to.equal(0);
        await clock.tickAsync(1);
        expect(listener.counters.refused.proxyHeader).to.equal(1);
      } finally {
        clock.restore();
      }
    });

    it('leaves connections from other addresses as they are, a header in them included', async () => {
      const { server, listener } = await listenInMemory();
      const client = server.connect({ remoteAddress: '203.0.113.1', remotePort: 9 });
      client.write(HEADER);
      const peer = await accept(listener);
      expect([peer.remoteAddress, peer.proxyAddress]).to.deep.equal([{ host: '203.0.113.1', port: 9 }, undefined]);
      expect(await peer.recvExactly(HEADER.length)).to.deep.equal(HEADER);
    });

    it('does not trust a TCP connection without an address, as after a reset', async () => {
      const { server, listener } = await listenInMemory();
      server.connect().write(HEADER);
      expect((await accept(listener)).proxyAddress).to.equal(undefined);
    });

    it('refuses connections from other addresses if it shall', async () => {
      const { server, listener } = await listenInMemory({ untrusted: 'refused' });
      const client = server.connect({ remoteAddress: '203.0.113.1', remotePort: 9 }).on('error', () => undefined);
      client.write(HEADER);
      await until(() => client.destroyed, 'the connection is reset');
      expect(errors[0]!.message).to.contain('the PROXY header of 203.0.113.1:9 is not accepted from this address');
      expect(listener.counters.refused.untrustedProxy).to.equal(1);
    });

    it('is never guessed: without the option, a header is what the client has sent', async () => {
      const listener = await listen();
      (await connectTo(listener)).write(HEADER);
      const peer = await accept(listener);
      expect(peer.proxyAddress).to.equal(undefined);
      expect(await peer.recvExactly(HEADER.length)).to.deep.equal(HEADER);
    });

    it('bounds the connections that wait for their header', async () => {
      const { server, listener } = await listenInMemory({ maxWaiting: 1 });
      const first = server.connect(PROXY);
      const [error] = (await once(server.connect(PROXY), 'error')) as [NodeJS.ErrnoException];
      expect(error.code).to.equal('ECONNRESET');
      first.write(HEADER);
      await accept(listener);
      server.connect(PROXY).write(HEADER);
      await accept(listener);
      expect(listener.counters.refused).to.include({ maxProxyHeaders: 1, proxyHeader: 0 });
    });

    it('resets the connections that wait for their header at a close', async () => {
      const listener = await listenBehindProxy();
      const proxy = await connectTo(listener);
      proxy.write('PROXY ');
      await turns(3);
      const ended = closed(proxy);
      await listener.close();
      await ended;
      expect(listener.counters.refused).to.include({ listenerClosed: 1, proxyHeader: 0 });
      expect(errors).to.deep.equal([]);
    });

    it('precedes TLS', async () => {
      const listener = await listenBehindProxy({}, { tls: tlsIdentity });
      const raw = await connectTo(listener);
      raw.write(HEADER);
      const client = connectTls({ socket: raw, ca: tlsIdentity.cert, servername: 'localhost' });
      client.on('error', () => undefined);
      clients.push(client);
      client.write('hello');
      const peer = await accept(listener);
      expect(String(await peer.recvExactly(5))).to.equal('hello');
      expect(peer.remoteAddress).to.deep.equal(CLIENT);
      expect(peer.proxyAddress).to.deep.equal({ host: '127.0.0.1', port: raw.localPort });
    });

    it('precedes TLS, and the first bytes of the handshake may come with it', async () => {
      const listener = await listenBehindProxy({}, { tls: tlsIdentity });
      const raw = await connectTo(listener);
      raw.cork();
      raw.write(HEADER);
      const client = connectTls({ socket: raw, ca: tlsIdentity.cert, servername: 'localhost' });
      client.on('error', () => undefined);
      clients.push(client);
      await turns(2);
      raw.uncork();
      client.write('hello');
      const peer = await accept(listener);
      expect(String(await peer.recvExactly(5))).to.equal('hello');
      expect(peer.remoteAddress).to.deep.equal(CLIENT);
    });

    it('names the client in the error of a failed handshake', async () => {
      const failures: string[] = [];
      const onHandshakeError = (error: Error): unknown => failures.push(error.message);
      const listener = await listenBehindProxy({}, { tls: tlsIdentity, onHandshakeError });
      (await connectTo(listener)).write(Buffer.concat([HEADER, Buffer.from('this is not TLS at all')]));
      await until(() => failures.length === 1, 'the handshake fails');
      expect(failures[0]).to.contain('the TLS handshake with 192.0.2.7:4711 failed');
    });

    it('trusts every client of a Unix socket', async () => {
      const path = temporarySocketPath();
      const listener = await listenBehindProxy({ trusted: [] }, { host: undefined, port: undefined, path });
      const proxy = connect(path);
      clients.push(proxy);
      proxy.write(HEADER);
      const peer = await accept(listener);
      expect([peer.remoteAddress, peer.proxyAddress]).to.deep.equal([CLIENT, undefined]);
    });

    it('makes the limits of serve those of the clients', async () => {
      const { server, listener } = await listenInMemory();
      const served: PeerSocket[] = [];
      const reasons: string[] = [];
      void listener.serve(
        async (peer) => {
          served.push(peer);
          peers.push(peer);
          await peer.recvSome(1);
        },
        {
          maxPerAddress: 1,
          onRefused: ({ reason, remoteAddress }) => reasons.push(`${reason} ${JSON.stringify(remoteAddress)}`),
        },
      );
      for (const host of ['192.0.2.7', '192.0.2.8', '192.0.2.7']) {
        server
          .connect(PROXY)
          .on('error', () => undefined)
          .write(v1(`TCP4 ${host} 192.0.2.1 4711 443`));
        await turns(5);
      }
      server
        .connect(PROXY)
        .on('error', () => undefined)
        .write('x');
      await until(() => reasons.length === 2, 'two are refused');
      expect(served.map((peer) => peer.remoteAddress)).to.deep.equal([CLIENT, { host: '192.0.2.8', port: 4711 }]);
      expect(reasons).to.deep.equal([
        'maxPerAddress {"host":"192.0.2.7","port":4711}',
        'proxyHeader {"host":"10.0.0.1","port":1}',
      ]);
    });
  });
});
