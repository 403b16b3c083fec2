import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, createServer as createTlsServer } from 'node:tls';
import { expect } from 'chai';
import { useFakeTimers } from 'sinon';
import {
  formatAddress,
  type HandshakeFailedError,
  type ListenSocket,
  type ListenSocketOptions,
  type TlsListenOptions,
} from '../../../../lib/index';
import { describeListenSocket, portOf } from '../../../support/listen_sockets';
import { expectCode } from '../../../support/rejection';
import { tlsIdentity } from '../../../support/tls_identity';
import { temporarySocketPath } from '../../../support/transports';

/** Resolves when a client's socket is closed, by an error too. */
async function closed(client: Socket): Promise<void> {
  await new Promise((resolve) => client.once('close', resolve));
}

describeListenSocket(({ clients, listen, accept }) => {
  describe('TLS handshakes', () => {
    let server: Server;
    let failures: HandshakeFailedError[];
    /** Called at each failure; the next one replaces it. */
    let onFailure: () => void;

    beforeEach(() => {
      failures = [];
      onFailure = () => undefined;
    });

    async function listenTls(
      options: Partial<ListenSocketOptions> = {},
      tlsOptions: TlsListenOptions = {},
    ): Promise<ListenSocket> {
      return listen({
        tls: { ...tlsIdentity, ...tlsOptions },
        createServer: () => (server = createServer()),
        onHandshakeError: (error) => {
          failures.push(error);
          onFailure();
        },
        ...options,
      });
    }

    /** Resolves at the next failed handshake. */
    async function nextFailure(): Promise<HandshakeFailedError> {
      const count = failures.length;
      await new Promise<void>((resolve) => (onFailure = resolve));
      expect(failures).to.have.length(count + 1);
      return failures.at(-1)!;
    }

    /** Connects by TCP only. Resolves when the server has begun to wait for the handshake. */
    async function connectSilently(listener: ListenSocket): Promise<Socket> {
      const begun = once(server, 'connection');
      const client = connect(portOf(listener.address), '127.0.0.1');
      clients.push(client);
      client.on('error', () => undefined).resume();
      await begun;
      return client;
    }

    function connectByTls(listener: ListenSocket, options: ConnectionOptions = {}): Socket {
      const client = connectTls({
        port: portOf(listener.address),
        host: '127.0.0.1',
        ca: tlsIdentity.cert,
        ...options,
      });
      clients.push(client);
      client.on('error', () => undefined).resume();
      return client;
    }

    it('that are not done in time are cut off, and each is reported', async () => {
      const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const listener = await listenTls({ handshakeTimeoutMs: 500 });
        const silent: Socket[] = [];
        for (let client = 0; client < 50; client++) silent.push(await connectSilently(listener));
        const addresses = silent.map((client) => `127.0.0.1:${client.localPort}`);
        const ends = silent.map(closed);
        await clock.tickAsync(499);
        expect(failures).to.deep.equal([]);
        await clock.tickAsync(1);
        await Promise.all(ends);
        expect(failures.map((error) => formatAddress(error.remote))).to.deep.equal(addresses);
        expect(failures[0]).to.include({ code: 'HANDSHAKE_FAILED', name: 'HandshakeFailedError', operation: 'accept' });
        expect(failures[0]!.message).to.equal(
          `accept on ${formatAddress(listener.address)}: ` +
            `the TLS handshake with ${addresses[0]} was not done within 500 ms`,
        );
        expect(listener.failedHandshakes).to.equal(50);
        expect(clock.countTimers()).to.equal(0);
      } finally {
        clock.restore();
      }
    });

    it('have ten seconds by default', async () => {
      const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const listener = await listenTls();
        const ended = closed(await connectSilently(listener));
        await clock.tickAsync(9_999);
        expect(listener.failedHandshakes).to.equal(0);
        await clock.tickAsync(1);
        expect(listener.failedHandshakes).to.equal(1);
        await ended;
      } finally {
        clock.restore();
      }
    });

    it('that are done leave no clock behind', async () => {
      const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const listener = await listenTls({ handshakeTimeoutMs: 500 });
        const client = connectByTls(listener);
        const peer = await accept(listener);
        expect(clock.countTimers()).to.equal(0);
        await clock.tickAsync(60_000);
        client.write('still here');
        expect(String(await peer.recvExactly(10))).to.equal('still here');
        expect(listener.failedHandshakes).to.equal(0);
      } finally {
        clock.restore();
      }
    });

    it('are ended by a close of the listener, so that nothing keeps the process alive', async () => {
      const listener = await listenTls();
      const ends = [];
      for (let client = 0; client < 3; client++) ends.push(closed(await connectSilently(listener)));
      const serverClosed = once(server, 'close');
      await listener.close();
      await Promise.all([serverClosed, ...ends]);
      expect([listener.refusedConnections, listener.failedHandshakes]).to.deep.equal([3, 0]);
      expect(failures).to.deep.equal([]);
    });

    it('are bounded: a connection over the limit is reset and counted, until one is done or has failed', async () => {
      const listener = await listenTls({ maxHandshaking: 2 });
      const first = await connectSilently(listener);
      const failed = nextFailure();
      const second = connectByTls(listener);
      const peer = await accept(listener);
      await connectSilently(listener);
      const refused = await connectSilently(listener);
      await closed(refused);
      expect(listener.refusedConnections).to.equal(1);
      first.destroy();
      await failed;
      connectByTls(listener);
      await accept(listener);
      second.write('x');
      expect(String(await peer.recvExactly(1))).to.equal('x');
      expect([listener.refusedConnections, listener.failedHandshakes]).to.deep.equal([1, 1]);
      expect(failures).to.have.length(1);
    });

    it('of a client that speaks no TLS fail in one line, with its address and the cause', async () => {
      const listener = await listenTls();
      const client = await connectSilently(listener);
      const address = `127.0.0.1:${client.localPort}`;
      const ended = closed(client);
      client.write('GET / HTTP/1.0\r\n\r\n');
      const error = await nextFailure();
      expect(error.message).to.equal(
        `accept on ${formatAddress(listener.address)}: the TLS handshake with ${address} failed: ` +
          'the client does not speak TLS (ERR_SSL_HTTP_REQUEST)',
      );
      expect(error.cause).to.have.property('code', 'ERR_SSL_HTTP_REQUEST');
      await ended;
      expect(listener.failedHandshakes).to.equal(1);
    });

    it('of a client that goes away fail', async () => {
      const listener = await listenTls();
      for (const leave of [(client: Socket) => client.destroy(), (client: Socket) => client.resetAndDestroy()]) {
        const client = await connectSilently(listener);
        const address = `127.0.0.1:${client.localPort}`;
        const failed = nextFailure();
        leave(client);
        const error = await failed;
        expect(error.message).to.contain(`the TLS handshake with ${address} failed`);
        expect(error.cause).to.have.property('code', 'ECONNRESET');
      }
    });

    it('with a client certificate that is refused, or missing, fail with the reason', async () => {
      const listener = await listenTls({}, { requestCert: true });
      let failed = nextFailure();
      connectByTls(listener, { key: tlsIdentity.key, cert: tlsIdentity.cert });
      expect((await failed).message).to.contain(
        'the certificate of the client is of an unknown authority (DEPTH_ZERO_SELF_SIGNED_CERT)',
      );
      failed = nextFailure();
      connectByTls(listener);
      const missing = await failed;
      expect(missing.message).to.contain(
        'failed: the client has no certificate (ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE)',
      );
      expect(missing.message).not.to.contain('\n');
      expect(listener.failedHandshakes).to.equal(2);
      await expectCode(listener.accept({ timeoutMs: 0 }), 'TIMED_OUT');
    });

    it('need the option tls: a TLS server of the caller is refused', async () => {
      const error = await expectCode(listen({ createServer: () => createTlsServer(tlsIdentity) }), 'LISTEN_FAILED');
      expect(error.message).to.contain('createServer must make a plain server; TLS has the option tls');
    });

    it('that fail are counted without a callback, and do not affect the listener', async () => {
      const listener = await listenTls({ onHandshakeError: undefined });
      const client = await connectSilently(listener);
      client.write('this is not TLS');
      await closed(client);
      expect(listener.failedHandshakes).to.equal(1);
      connectByTls(listener);
      await accept(listener);
    });

    it('are watched over a Unix socket too', async () => {
      const path = temporarySocketPath();
      const listener = await listenTls({ host: undefined, port: undefined, path });
      const client = connect(path);
      clients.push(client);
      client.on('error', () => undefined).resume();
      client.write('this is not TLS');
      const error = await nextFailure();
      expect(error.message).to.match(new RegExp(`^accept on ${path}: the TLS handshake failed: `));
      const silent = connect(path);
      clients.push(silent);
      silent.on('error', () => undefined).resume();
      await once(server, 'connection');
      const ended = closed(silent);
      await listener.close();
      await ended;
    });
  });
});
