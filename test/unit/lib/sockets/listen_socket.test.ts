import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { expect } from 'chai';
import sinon from 'sinon';
import { type Address, ListenSocket, type ListenSocketOptions, type PeerSocket } from '../../../../lib/index';
import { expectCode } from '../../../support/rejection';
import { tlsIdentity } from '../../../support/tls_identity';
import { temporarySocketPath } from '../../../support/transports';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

describe('ListenSocket', () => {
  it('refuses the path of a Unix socket that the system would truncate', async () => {
    const path = `/tmp/${'x'.repeat(104)}`;
    const error = await expectCode(new ListenSocket({ path }).bindAndListen(), 'LISTEN_FAILED');
    expect((error.cause as NodeJS.ErrnoException).code).to.equal('ENAMETOOLONG');
  });

  const opened: ListenSocket[] = [];
  const clients: Socket[] = [];
  const peers: PeerSocket[] = [];

  async function listen(options: Partial<ListenSocketOptions> = {}): Promise<ListenSocket> {
    const listener = new ListenSocket({ ...LOOPBACK, ...options });
    opened.push(listener);
    await listener.bindAndListen();
    return listener;
  }

  async function connectTo(listener: ListenSocket): Promise<Socket> {
    const client = connect(portOf(listener.address), '127.0.0.1');
    clients.push(client);
    client.on('error', () => undefined);
    await once(client, 'connect');
    return client;
  }

  async function accept(listener: ListenSocket): Promise<PeerSocket> {
    const peer = await listener.accept();
    peers.push(peer);
    return peer;
  }

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await Promise.all([...peers.splice(0), ...opened.splice(0)].map((socket) => socket.close()));
    sinon.restore();
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

    it('an invalid port is a failed listen', async () => {
      await expectCode(new ListenSocket({ host: '127.0.0.1', port: 70_000 }).bindAndListen(), 'LISTEN_FAILED');
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

    it('refuses invalid numbers as options', () => {
      expect(() => new ListenSocket({ ...LOOPBACK, backlog: -1 })).to.throw(RangeError);
      expect(() => new ListenSocket({ ...LOOPBACK, maxWaiting: 1.5 })).to.throw(RangeError);
    });
  });

  describe('accept', () => {
    it('is refused before bindAndListen', async () => {
      await expectCode(new ListenSocket(LOOPBACK).accept(), 'WRONG_STATE');
    });

    it('gives connections to several waiting calls in the order of the calls', async () => {
      const listener = await listen();
      const accepting = [accept(listener), accept(listener), accept(listener)];
      const ports = [];
      for (let client = 0; client < 3; client++) ports.push((await connectTo(listener)).localPort);
      const accepted = await Promise.all(accepting);
      expect(accepted.map((peer) => portOf(peer.remoteAddress))).to.deep.equal(ports);
    });

    it('gives connections that came before the call in the order of their arrival', async () => {
      const listener = await listen();
      const ports = [(await connectTo(listener)).localPort, (await connectTo(listener)).localPort];
      expect(portOf((await accept(listener)).remoteAddress)).to.equal(ports[0]);
      expect(portOf((await accept(listener)).remoteAddress)).to.equal(ports[1]);
    });

    it('an abort and a timeout settle it and take no connection', async () => {
      const listener = await listen();
      const controller = new AbortController();
      const accepting = listener.accept({ signal: controller.signal });
      controller.abort();
      await expectCode(accepting, 'ABORTED');
      await expectCode(listener.accept({ timeoutMs: 1 }), 'TIMED_OUT');
      const client = await connectTo(listener);
      expect(portOf((await accept(listener)).remoteAddress)).to.equal(client.localPort);
    });

    it('a close settles every pending call, and later ones', async () => {
      const listener = await listen();
      const accepting = [listener.accept(), listener.accept()];
      await listener.close();
      for (const each of accepting) await expectCode(each, 'SOCKET_CLOSED');
      await expectCode(listener.accept(), 'SOCKET_CLOSED');
    });

    it('a failure of the system fails one call, and the listener goes on', async () => {
      let server: Server | undefined;
      const listener = await listen({ createServer: () => (server = createServer()) });
      const [first, second] = [listener.accept(), accept(listener)];
      server!.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
      const error = await expectCode(first, 'ACCEPT_FAILED');
      expect(error.message).to.contain('EMFILE');
      await connectTo(listener);
      await second;
      server!.emit('error', new Error('no call waits: this must not end the process'));
    });

    it('twenty calls with one signal give no warning', async () => {
      const warned = sinon.spy(process, 'emitWarning');
      const listener = await listen();
      const controller = new AbortController();
      const accepting = Array.from({ length: 20 }, () => listener.accept(controller));
      controller.abort();
      for (const each of accepting) await expectCode(each, 'ABORTED');
      expect(warned.called).to.equal(false);
    });
  });

  describe('connections that are not accepted', () => {
    it('are bounded: further ones are reset and counted', async () => {
      const listener = await listen({ maxWaiting: 2 });
      const [first, second] = [await connectTo(listener), await connectTo(listener)];
      const third = connect(portOf(listener.address), '127.0.0.1');
      const [error] = (await once(third, 'error')) as [NodeJS.ErrnoException];
      expect(error.code).to.equal('ECONNRESET');
      expect(listener.refusedConnections).to.equal(1);
      expect(portOf((await accept(listener)).remoteAddress)).to.equal(first.localPort);
      expect(portOf((await accept(listener)).remoteAddress)).to.equal(second.localPort);
    });

    it('a reset before the accept does not end the process, and fails the first use', async () => {
      const listener = await listen();
      const client = await connectTo(listener);
      client.resetAndDestroy();
      await once(client, 'close');
      const peer = await accept(listener);
      await peer.closed;
      expect(peer.remoteAddress).to.have.property('host', '127.0.0.1');
      await expectCode(peer.recvExactly(1), 'CONNECTION_LOST');
    });

    it('are reset by a close, and accepted ones stay open', async () => {
      const listener = await listen();
      const accepted = await connectTo(listener);
      const peer = await accept(listener);
      const waiting = await connectTo(listener);
      await new Promise((resolve) => setImmediate(resolve));
      const lost = once(waiting, 'error');
      await listener.close();
      await listener.close();
      expect(((await lost) as [NodeJS.ErrnoException])[0].code).to.equal('ECONNRESET');
      accepted.write('still here');
      expect(String(await peer.recvExactly(10))).to.equal('still here');
    });

    it('a TLS handshake that ends after the close is reset too', async () => {
      let server: Server | undefined;
      const listener = await listen({ createServer: () => (server = createTlsServer(tlsIdentity)) });
      const port = portOf(listener.address);
      const raw = once(server!, 'connection');
      const client = connectTls({ port, host: '127.0.0.1', ca: tlsIdentity.cert });
      client.on('error', () => undefined);
      clients.push(client);
      await raw;
      await listener.close();
      await once(client, 'close');
      expect(listener.refusedConnections).to.equal(1);
    });
  });

  describe('for await', () => {
    it('accepts until the listener is closed', async () => {
      const listener = await listen();
      let count = 0;
      const loop = (async () => {
        for await (const peer of listener) {
          peers.push(peer);
          count++;
          if (count === 2) await listener.close();
        }
      })();
      await connectTo(listener);
      await connectTo(listener);
      await loop;
      expect(count).to.equal(2);
    });

    it('ends at a close while it waits', async () => {
      const listener = await listen();
      const loop = (async () => {
        for await (const peer of listener) peers.push(peer);
      })();
      await new Promise((resolve) => setImmediate(resolve));
      await listener.close();
      await loop;
    });

    it('throws a failure of the system, and can be begun again', async () => {
      let server: Server | undefined;
      const listener = await listen({ createServer: () => (server = createServer()) });
      const loop = async (): Promise<void> => {
        for await (const peer of listener) {
          peers.push(peer);
          return;
        }
      };
      const first = loop();
      await new Promise((resolve) => setImmediate(resolve));
      server!.emit('error', new Error('accept EMFILE'));
      await expectCode(first, 'ACCEPT_FAILED');
      await Promise.all([loop(), connectTo(listener)]);
      expect(peers).to.have.length(1);
    });

    it('break closes nothing: neither the listener nor the connection', async () => {
      const listener = await listen();
      const client = await connectTo(listener);
      for await (const peer of listener) {
        peers.push(peer);
        break;
      }
      client.write('x');
      expect(String(await peers[0]!.recvExactly(1))).to.equal('x');
      await connectTo(listener);
      await accept(listener);
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

function portOf(address: Address | undefined): number {
  if (address === undefined || !('port' in address)) throw new Error('no port');
  return address.port;
}
