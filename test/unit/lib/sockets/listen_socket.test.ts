import { lookup } from 'node:dns/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { constants } from 'node:os';
import { expect } from 'chai';
import sinon from 'sinon';
import { formatAddress, ListenSocket } from '../../../../lib/index';
import { describeListenSocket, LOOPBACK, portOf } from '../../../support/listen_sockets';
import { expectCode } from '../../../support/rejection';
import { temporarySocketPath } from '../../../support/transports';

/** Node's internal handle of a TCP server, as far as it binds to IPv6. */
interface TcpHandle {
  bind6(address: string, port: number): number;
}

describeListenSocket(({ opened, clients, listen, connectTo, accept }) => {
  it('refuses the path of a Unix socket that the system would truncate', async () => {
    const path = `/tmp/${'x'.repeat(104)}`;
    const error = await expectCode(new ListenSocket({ path }).bindAndListen(), 'LISTEN_FAILED');
    expect((error.cause as NodeJS.ErrnoException).code).to.equal('ENAMETOOLONG');
  });

  it('gives each peer its own local address, bound to one address or to all', async () => {
    for (const host of ['127.0.0.1', '0.0.0.0', '127.0.0.2']) {
      const listener = await listen({ host });
      const reached = host === '0.0.0.0' ? '127.0.0.3' : host;
      const client = connect(portOf(listener.address), reached);
      clients.push(client);
      const peer = await accept(listener);
      expect(peer.localAddress, host).to.deep.equal({ host: reached, port: portOf(listener.address) });
      expect(peer.remoteAddress, host).to.deep.equal({ host: client.localAddress, port: client.localPort });
    }
  });

  describe('bindAndListen', () => {
    it('gives the port that the system has chosen', async () => {
      const listener = new ListenSocket(LOOPBACK);
      expect(listener.address).to.equal(undefined);
      await listener.bindAndListen();
      expect(listener.address).to.deep.include({ host: '127.0.0.1' });
      expect(portOf(listener.address)).to.be.greaterThan(0);
      await listener.close();
    });

    it('an address in use is an error with the address and the cause, and closes the listener', async () => {
      const first = await listen();
      const port = portOf(first.address);
      const second = new ListenSocket({ host: '127.0.0.1', port });
      const error = await expectCode(second.bindAndListen(), 'LISTEN_FAILED');
      expect(error.message).to.contain(`127.0.0.1:${port}`).and.to.contain('EADDRINUSE');
      expect(error.cause).to.have.property('code', 'EADDRINUSE');
      await expectCode(second.accept(), 'SOCKET_CLOSED');
    });

    it('a server that cannot be made is a failed listen, and no timer stays', async () => {
      const listener = new ListenSocket({
        ...LOOPBACK,
        createServer: () => {
          throw new Error('no key');
        },
      });
      const error = await expectCode(listener.bindAndListen({ timeoutMs: 60_000 }), 'LISTEN_FAILED');
      expect(error.message).to.contain('no key');
    });

    it('refuses a second call', async () => {
      const listener = await listen();
      await expectCode(listener.bindAndListen(), 'WRONG_STATE');
    });

    it('refuses two calls at once', async () => {
      const listener = new ListenSocket(LOOPBACK);
      opened.push(listener);
      const first = listener.bindAndListen();
      await expectCode(listener.bindAndListen(), 'WRONG_STATE');
      await first;
    });

    it('a close settles it, and nothing listens afterwards, even during a name lookup', async () => {
      const servers: Server[] = [];
      const listener = new ListenSocket({
        host: 'localhost',
        port: 0,
        createServer: () => {
          servers.push(createServer());
          return servers[0]!;
        },
      });
      const binding = listener.bindAndListen();
      await listener.close();
      await expectCode(binding, 'SOCKET_CLOSED');
      await lookup('localhost');
      await new Promise((resolve) => setImmediate(resolve));
      expect(servers[0]!.listening).to.equal(false);
      await expectCode(listener.bindAndListen(), 'SOCKET_CLOSED');
    });

    it('an abort or a timeout settles it', async () => {
      const never = (): Server => {
        const server = createServer();
        sinon.stub(server, 'listen');
        return server;
      };
      const controller = new AbortController();
      const aborted = new ListenSocket({ ...LOOPBACK, createServer: never }).bindAndListen(controller);
      controller.abort();
      await expectCode(aborted, 'ABORTED');
      await expectCode(
        new ListenSocket({ ...LOOPBACK, createServer: never }).bindAndListen({ timeoutMs: 1 }),
        'TIMED_OUT',
      );
    });

    it('the system queues 511 connections by default, as under Node', async () => {
      for (const [options, backlog] of [
        [{}, 511],
        [{ backlog: 7 }, 7],
      ] as const) {
        const server = createServer();
        const listened = sinon.spy(server, 'listen');
        await listen({ ...options, createServer: () => server });
        expect(listened.firstCall.args[0]).to.include({ backlog });
      }
    });

    it('without a host, it listens on every address', async () => {
      const listener = await listen({ host: undefined });
      const hasIPv6 = formatAddress(listener.address).startsWith('[::]');
      for (const host of hasIPv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1']) {
        const client = connect(portOf(listener.address), host);
        clients.push(client);
        expect(portOf((await accept(listener)).remoteAddress)).to.equal(client.localPort);
      }
    });

    it('without a host, it listens on every IPv4 address where the system has no IPv6', async () => {
      const server = createServer();
      await listen({ createServer: () => server });
      const handle = Object.getPrototypeOf((server as unknown as { _handle: object })._handle) as TcpHandle;
      sinon.stub(handle, 'bind6').returns(-constants.errno.EAFNOSUPPORT);
      const listener = await listen({ host: undefined });
      expect(listener.address).to.include({ host: '0.0.0.0' });
      const client = connect(portOf(listener.address), '127.0.0.1');
      clients.push(client);
      const peer = await accept(listener);
      expect(peer.localAddress).to.deep.equal({ host: '127.0.0.1', port: portOf(listener.address) });
    });
  });

  it('frees its port when close resolves', async () => {
    const first = await listen();
    const { address } = first;
    await first.close();
    const second = await listen({ port: portOf(address) });
    expect(second.address).to.deep.equal(address);
  });

  it('is closed by await using', async () => {
    let outside: ListenSocket;
    {
      await using listener = await listen();
      outside = listener;
    }
    await expectCode(outside.accept(), 'SOCKET_CLOSED');
  });

  it('listens on a Unix socket, and removes it', async () => {
    const path = temporarySocketPath();
    const listener = new ListenSocket({ path });
    opened.push(listener);
    await listener.bindAndListen();
    expect(listener.address).to.deep.equal({ path });
    const client = connect(path);
    clients.push(client);
    client.end('hello');
    expect(String(await (await accept(listener)).recvExactly(5))).to.equal('hello');
    await listener.close();
    const again = new ListenSocket({ path });
    opened.push(again);
    await again.bindAndListen();
  });

  it('sets noDelay and keep-alive by default, and clears them by option, under TLS too', async () => {
    for (const wanted of [true, false]) {
      const server = createServer();
      const listener = await listen({ noDelay: wanted, keepAlive: wanted, createServer: () => server });
      const calls: unknown[] = [];
      server.prependListener('connection', (socket: Socket) => {
        sinon.stub(socket, 'setNoDelay').callsFake((on) => (calls.push(on), socket));
        sinon.stub(socket, 'setKeepAlive').callsFake((on, delay) => (calls.push(on, delay), socket));
      });
      const accepting = accept(listener);
      await connectTo(listener);
      await accepting;
      expect(calls).to.deep.equal([wanted, wanted, 30_000]);
    }
  });
});
