import { once } from 'node:events';
import { connect, createServer, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { expect } from 'chai';
import sinon from 'sinon';
import { ConnectSocket, ListenSocket } from '../../../../lib/index';
import { connectedPair, FaultyStream, MemoryStream } from '../../../../lib/testing/index';
import { expectCode } from '../../../support/rejection';
import { tlsIdentity } from '../../../support/tls_identity';

describe('ConnectSocket', () => {
  it('refuses the path of a Unix socket that the system would truncate', async () => {
    const path = `/tmp/${'x'.repeat(104)}`;
    const error = await expectCode(new ConnectSocket({ path }).connect(), 'CONNECT_FAILED');
    expect((error.cause as NodeJS.ErrnoException).code).to.equal('ENAMETOOLONG');
  });

  let listener: ListenSocket;
  let port: number;

  beforeEach(async () => {
    listener = new ListenSocket({ host: '127.0.0.1', port: 0 });
    await listener.bindAndListen();
    port = (listener.address as { port: number }).port;
  });
  afterEach(async () => {
    sinon.restore();
    await listener.close();
  });

  /** A stream that stays in the connecting state. */
  function connectingForEver(): Socket {
    const stream = new Socket();
    Object.defineProperty(stream, 'connecting', { value: true });
    return stream;
  }

  it('connects, and has both addresses', async () => {
    await using socket = new ConnectSocket({ host: '127.0.0.1', port });
    await socket.connect({ timeoutMs: 5000 });
    await using peer = await listener.accept();
    expect(socket.remoteAddress).to.deep.equal({ host: '127.0.0.1', port });
    expect(socket.localAddress).to.deep.equal(peer.remoteAddress);
    expect(String(socket)).to.equal(`ConnectSocket(127.0.0.1:${port})`);
  });

  it('refuses to receive and to send before it is connected, and while it connects', async () => {
    const socket = new ConnectSocket({ createConnection: connectingForEver });
    await expectCode(socket.recvExactly(1), 'WRONG_STATE');
    const connecting = socket.connect();
    await expectCode(socket.sendAll(Buffer.from('x')), 'WRONG_STATE');
    await expectCode(socket.recvExactly(1), 'WRONG_STATE');
    await expectCode(socket.shutdownWrite(), 'WRONG_STATE');
    await socket.close();
    await expectCode(connecting, 'SOCKET_CLOSED');
  });

  it('a refusal is an error with the address, and closes the socket', async () => {
    await listener.close();
    const socket = new ConnectSocket({ host: '127.0.0.1', port });
    const error = await expectCode(socket.connect(), 'CONNECT_FAILED');
    expect(error.message).to.contain(`127.0.0.1:${port}`).and.to.contain('ECONNREFUSED');
    expect(error.cause).to.have.property('code', 'ECONNREFUSED');
    await expectCode(socket.sendAll(Buffer.from('x')), 'SOCKET_CLOSED');
    expect(await socket.closed).to.equal(undefined);
  });

  it('the error names every address that was tried (happy eyeballs)', async () => {
    const causes = ['connect ECONNREFUSED ::1:9', 'connect ECONNREFUSED 127.0.0.1:9'].map((text) => new Error(text));
    const socket = new ConnectSocket({
      createConnection: () => {
        const stream = connectingForEver();
        process.nextTick(() => stream.destroy(new AggregateError(causes, '')));
        return stream;
      },
    });
    const error = await expectCode(socket.connect(), 'CONNECT_FAILED');
    for (const cause of causes) expect(error.message).to.contain(cause.message);
  });

  it('the error of a stream that closes without one has a text', async () => {
    const socket = new ConnectSocket({
      createConnection: () => {
        const stream = connectingForEver();
        process.nextTick(() => stream.destroy());
        return stream;
      },
    });
    expect((await expectCode(socket.connect(), 'CONNECT_FAILED')).message).to.contain('closed');
  });

  it('a stream that cannot be made, or gives no bytes, is a failed connect', async () => {
    const makers = [
      () => {
        throw new Error('no certificate');
      },
      () => new Duplex({ objectMode: true }),
      () => new Socket().setEncoding('utf8'),
    ];
    for (const createConnection of makers) {
      await expectCode(new ConnectSocket({ createConnection }).connect(), 'CONNECT_FAILED');
    }
  });

  it('a timeout, an abort, a close and a reset settle it, each with its own error', async () => {
    const make = (): ConnectSocket => new ConnectSocket({ createConnection: connectingForEver });
    await expectCode(make().connect({ timeoutMs: 1 }), 'TIMED_OUT');

    const controller = new AbortController();
    const aborted = make().connect(controller);
    controller.abort(new Error('enough'));
    expect((await expectCode(aborted, 'ABORTED')).cause).to.have.property('message', 'enough');

    const closed = make();
    const connecting = closed.connect();
    await closed.close();
    await expectCode(connecting, 'SOCKET_CLOSED');

    const reset = make();
    const resetting = reset.connect();
    reset.reset();
    await expectCode(resetting, 'SOCKET_CLOSED');
  });

  it('a close within createConnection settles it, and destroys the stream', async () => {
    const stream = connectingForEver();
    const socket = new ConnectSocket({
      createConnection: () => {
        void socket.close();
        return stream;
      },
    });
    await expectCode(socket.connect(), 'SOCKET_CLOSED');
    expect(stream.destroyed).to.equal(true);
  });

  it('connects once', async () => {
    await using socket = new ConnectSocket({ host: '127.0.0.1', port });
    await socket.connect();
    await expectCode(socket.connect(), 'WRONG_STATE');
  });

  it('a signal that had fired before has no effect at all', async () => {
    await using socket = new ConnectSocket({ host: '127.0.0.1', port });
    await expectCode(socket.connect({ signal: AbortSignal.abort() }), 'ABORTED');
    await socket.connect();
  });

  it('does not connect after a close', async () => {
    const socket = new ConnectSocket({ host: '127.0.0.1', port });
    await socket.close();
    await expectCode(socket.connect(), 'SOCKET_CLOSED');
  });

  it('accepts a stream that is connected already', async () => {
    const [near, far] = MemoryStream.pair();
    await using socket = new ConnectSocket({ createConnection: () => near });
    await socket.connect();
    far.write('hi');
    expect(String(await socket.recvExactly(2))).to.equal('hi');
  });

  it('waits for a stream that connects behind a wrapper', async () => {
    await using socket = new ConnectSocket({
      createConnection: () => new FaultyStream(connect(port, '127.0.0.1'), { outgoing: { pieceBytes: 1 } }),
    });
    await socket.connect({ timeoutMs: 5000 });
    await using peer = await listener.accept();
    await socket.sendAll(Buffer.from('abc'));
    expect(String(await peer.recvExactly(3))).to.equal('abc');
  });

  it('a failed TLS handshake is an error with its reason', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined).end('this is not TLS'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const socket = new ConnectSocket({ createConnection: () => connectTls({ host: '127.0.0.1', port }) });
    const error = await expectCode(socket.connect(), 'HANDSHAKE_FAILED');
    expect(error).to.include({ reason: 'not-tls' });
    expect(error.message).to.equal(
      `connect to 127.0.0.1:${port}: the TLS handshake failed: ` +
        'the server does not speak TLS (ERR_SSL_WRONG_VERSION_NUMBER)',
    );
    server.close();
  });

  it('a close over TLS sends close_notify first', async () => {
    const server = createTlsServer(tlsIdentity, (peer) => peer.resume()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const relay = createServer().listen(0, '127.0.0.1');
    await once(relay, 'listening');
    const relayed = once(relay, 'connection') as Promise<[Socket]>;
    const target = { host: '127.0.0.1', port: (relay.address() as { port: number }).port };
    const socket = new ConnectSocket({
      // In version 1.2 the type of a record can be read on the wire: 21 is an alert.
      createConnection: () => connectTls({ ...target, ca: tlsIdentity.cert, maxVersion: 'TLSv1.2' }),
    });
    const connecting = socket.connect();
    const [front] = await relayed;
    const back = connect((server.address() as { port: number }).port, '127.0.0.1');
    front.pipe(back).pipe(front);
    await connecting;
    const afterwards: Buffer[] = [];
    front.on('data', (bytes) => afterwards.push(bytes));
    await socket.close();
    await once(front, 'end');
    server.close();
    relay.close();
    expect(Buffer.concat(afterwards)[0]).to.equal(21);
  });

  it('sets noDelay and keep-alive by default, and clears them by option', async () => {
    for (const wanted of [true, false]) {
      const [stream] = MemoryStream.pair();
      const setNoDelay = sinon.stub();
      const setKeepAlive = sinon.stub();
      const createConnection = (): Duplex => Object.assign(stream, { setNoDelay, setKeepAlive });
      const options = wanted ? {} : { noDelay: false, keepAlive: false, keepAliveInitialDelayMs: 5 };
      await using socket = new ConnectSocket({ createConnection, ...options });
      await socket.connect();
      sinon.assert.calledWith(setNoDelay, wanted);
      sinon.assert.calledWith(setKeepAlive, wanted, wanted ? 30_000 : 5);
    }
  });

  it('its text is the target: a path, or a stream', () => {
    expect(String(new ConnectSocket({ path: '/run/app.sock' }))).to.equal('ConnectSocket(/run/app.sock)');
    expect(String(new ConnectSocket({ createConnection: () => connectedPair() as never }))).to.contain('stream');
  });
});
