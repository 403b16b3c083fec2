import { connect, createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { useFakeTimers } from 'sinon';
import {
  ConnectSocket,
  FramedSocket,
  ListenSocket,
  PeerSocket,
  type SocketError,
  type StartTlsOptions,
  type StreamSocket,
  TlvCodec,
  utf8Text,
} from '../../../../../lib/index';
import { connectedPair, MemoryStream } from '../../../../../lib/testing/index';
import { identity, pem } from '../../../../support/certificates';
import { expectCode } from '../../../../support/rejection';
import { CLIENT, SERVER, TlsSockets } from '../../../../support/tls_sockets';

const ofServer: StartTlsOptions = { isServer: true, ...SERVER };
const ofClient: StartTlsOptions = { isServer: false, ...CLIENT, servername: 'localhost' };

type Ends = readonly [client: StreamSocket, server: StreamSocket];

describe('startTls', () => {
  const sockets = new TlsSockets();

  afterEach(async () => sockets.closeAll());

  const KINDS: readonly [string, () => Promise<Ends>][] = [
    [
      'over TCP',
      async () => {
        const listener = sockets.keep(new ListenSocket({ host: '127.0.0.1', port: 0 }));
        await listener.bindAndListen();
        const client = sockets.keep(new ConnectSocket({ ...(listener.address as { host: string; port: number }) }));
        const [peer] = await Promise.all([listener.accept(), client.connect()]);
        return [client, sockets.keep(peer)];
      },
    ],
    [
      'in memory',
      async () => {
        const [client, server] = connectedPair();
        return Promise.resolve([sockets.keep(client), sockets.keep(server)]);
      },
    ],
  ];

  for (const [name, open] of KINDS) {
    describe(name, () => {
      it('changes a connection to TLS in the middle of its protocol, and the addresses stay known', async () => {
        const [client, server] = await open();
        const addressesOf = (): unknown => [client, server].map((end) => [end.localAddress, end.remoteAddress]);
        const addresses = addressesOf();
        const serving = (async () => {
          expect(String(await server.recvUntil('\n'))).to.equal('STARTTLS\n');
          await server.sendAll(Buffer.from('220 go ahead\n'));
          await server.startTls(ofServer);
          expect(String(await server.recvUntil('\n'))).to.equal('secret\n');
          await server.sendAll(Buffer.from('250 done\n'));
        })();
        expect(client.tls).to.equal(undefined);
        await client.sendAll(Buffer.from('STARTTLS\n'));
        expect(String(await client.recvUntil('\n'))).to.equal('220 go ahead\n');
        await client.startTls(ofClient);
        await client.sendAll(Buffer.from('secret\n'));
        expect(String(await client.recvUntil('\n'))).to.equal('250 done\n');
        await serving;
        expect(addressesOf()).to.deep.equal(addresses);
        expect(client.tls).to.include({ authorized: true, serverName: 'localhost' });
        expect(server.tls!.peerCertificate!.subjectAltName.uri).to.deep.equal(['urn:lottery:agency:7']);
        await client.close();
        expect(await server.recvExactly(1)).to.equal(null);
        expect(await client.closed).to.equal(undefined);
      });

      it('is refused while plain bytes wait, which an attacker could have put behind the command', async () => {
        const [client, server] = await open();
        await client.sendAll(Buffer.from('STARTTLS\nEVIL\n'));
        expect(String(await server.recvUntil('\n'))).to.equal('STARTTLS\n');
        const error = await expectCode(server.startTls(ofServer), 'UNEXPECTED_PLAINTEXT');
        expect(error).to.include({ bytes: 5, operation: 'start TLS' });
        expect(error.message).to.match(/^start TLS( with 127\.0\.0\.1:\d+)?: 5 bytes wait that came without TLS$/);
        expect(String(await server.recvUntil('\n'))).to.equal('EVIL\n');
      });

      it('is refused while a read or a send waits, after an end, and a second time, without an effect', async () => {
        const [client, server] = await open();
        const read = server.recvExactly(1);
        expect((await expectCode(server.startTls(ofServer), 'WRONG_STATE')).message).to.contain('a read waits');
        const send = client.sendAll(Buffer.from('x'));
        expect((await expectCode(client.startTls(ofClient), 'WRONG_STATE')).message).to.contain('a send waits');
        await send;
        expect(String(await read)).to.equal('x');
        await Promise.all([server.startTls(ofServer), client.startTls(ofClient)]);
        for (const [socket, options] of [
          [client, ofClient],
          [server, ofServer],
        ] as const) {
          expect((await expectCode(socket.startTls(options), 'WRONG_STATE')).message).to.contain('it uses TLS already');
        }
        await client.sendAll(Buffer.from('y'));
        expect(String(await server.recvExactly(1))).to.equal('y');

        const [left, right] = await open();
        await left.shutdownWrite();
        expect((await expectCode(left.startTls(ofClient), 'WRONG_STATE')).message).to.contain('writing was shut down');
        expect(await right.recvExactly(1)).to.equal(null);
        expect((await expectCode(right.startTls(ofServer), 'WRONG_STATE')).message).to.contain('the peer has ended');
      });

      it('fails every other call meanwhile, and itself by a close of this side', async () => {
        const [client] = await open();
        const starting = expectCode(client.startTls(ofClient), 'SOCKET_CLOSED');
        for (const call of [client.recvExactly(1), client.sendAll(Buffer.from('x')), client.shutdownWrite()]) {
          expect((await expectCode(call, 'WRONG_STATE')).message).to.contain('the TLS handshake goes on');
        }
        await expectCode(client.startTls(ofClient), 'WRONG_STATE');
        await client.close();
        await starting;
        expect(await client.closed).to.equal(undefined);
      });

      it('has a deadline, which closes the connection', async () => {
        const [client, server] = await open();
        const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
        try {
          const byDefault = expectCode(server.startTls(ofServer), 'TIMED_OUT');
          await clock.tickAsync(9_999);
          expect(server.isClosed).to.equal(false);
          await clock.tickAsync(1);
          expect(await byDefault).to.include({ clock: 'handshake', timeoutMs: 10_000 });
          expect(server.isClosed).to.equal(true);
        } finally {
          clock.restore();
        }
        await server.closed;
        await expectCode(server.recvExactly(1), 'SOCKET_CLOSED');
        await client.close();
        const [, other] = await open();
        const error = await expectCode(other.startTls(ofServer, { timeoutMs: 1 }), 'TIMED_OUT');
        expect(error.message).to.match(/^start TLS.*: timed out after 1 ms in the TLS handshake$/);
      });

      it('ends by a signal', async () => {
        const [client] = await open();
        const controller = new AbortController();
        const starting = expectCode(client.startTls(ofClient, controller), 'ABORTED');
        controller.abort();
        await starting;
        await client.closed;
        const [other] = await open();
        await expectCode(other.startTls(ofClient, controller), 'ABORTED');
        expect(other.isClosed).to.equal(false);
      });

      it('closes the connection if the certificate of the server is refused, and says why', async () => {
        const [client, server] = await open();
        const serving = server.startTls({ ...ofServer, ...identity('server_expired') }).catch(() => undefined);
        const error = await expectCode(client.startTls(ofClient), 'HANDSHAKE_FAILED');
        expect(error).to.include({ reason: 'certificate-expired', operation: 'start TLS' });
        expect(error.message).to.match(
          /^start TLS( with 127\.0\.0\.1:\d+)?: the TLS handshake failed: the certificate of the server has expired \(CERT_HAS_EXPIRED\)$/,
        );
        await client.closed;
        await expectCode(client.sendAll(Buffer.from('x')), 'SOCKET_CLOSED');
        await serving;
      });

      it('closes the connection if the certificate of a client is refused, and says why', async () => {
        const [client, server] = await open();
        const starting = client.startTls({ ...ofClient, ...identity('client_revoked') }).catch(() => undefined);
        const error = await expectCode(server.startTls({ ...ofServer, crl: pem('crl') }), 'HANDSHAKE_FAILED');
        expect(error).to.include({ reason: 'certificate-revoked' });
        await Promise.all([starting, server.closed]);
      });

      it('fails if the peer goes on without TLS, ends or resets', async () => {
        for (const [answer, reason] of [
          [(peer: StreamSocket) => peer.sendAll(Buffer.from('250 this is plain text\n')), 'not-tls'],
          [(peer: StreamSocket) => peer.shutdownWrite(), 'ended'],
          [(peer: StreamSocket) => peer.reset(), 'ended'],
        ] as const) {
          for (const isServer of [true, false]) {
            const [client, server] = await open();
            const [near, far] = isServer ? [server, client] : [client, server];
            const starting = expectCode(near.startTls(isServer ? ofServer : ofClient), 'HANDSHAKE_FAILED');
            await answer(far);
            expect(await starting, String(isServer)).to.include({ reason });
            await near.closed;
            await far.close();
          }
        }
      });

      it('refuses options that cannot be used', async () => {
        const [client, server] = await open();
        for (const wrong of [undefined, null, 5, {}, { isServer: 1 }]) {
          const error = await client.startTls(wrong as unknown as StartTlsOptions).catch((each: unknown) => each);
          expect(error).to.be.instanceOf(TypeError);
        }
        await expectCode(client.startTls({ isServer: false, key: 'no PEM' }), 'UNUSABLE_TLS_OPTIONS');
        await expectCode(server.startTls({ isServer: true, key: 'no PEM' }), 'UNUSABLE_TLS_OPTIONS');
        await Promise.all([client.closed, server.closed]);
      });
    });
  }

  it('verifies the name of the host that the client has connected to', async () => {
    const listener = sockets.keep(new ListenSocket({ host: 'localhost', port: 0 }));
    await listener.bindAndListen();
    const { port } = listener.address as { port: number };
    for (const [certificate, reason] of [
      ['server', undefined],
      ['server_other_name', 'certificate-wrong-name'],
    ] as const) {
      const client = sockets.keep(new ConnectSocket({ host: 'localhost', port }));
      const [peer] = await Promise.all([listener.accept(), client.connect()]);
      const serving = sockets.keep(peer).startTls({ ...ofServer, ...identity(certificate) });
      const outcome = await client.startTls({ isServer: false, ...CLIENT }).catch((error: SocketError) => error);
      if (reason === undefined) expect(outcome).to.equal(undefined);
      else expect(outcome).to.include({ reason });
      await serving.catch(() => undefined);
    }
  });

  it('is refused where bytes wait in the stream itself', async () => {
    const [near, far] = MemoryStream.pair();
    const peer = sockets.keep(new PeerSocket(near));
    near.pause();
    far.on('error', () => undefined).write('abc');
    while (near.readableLength === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await expectCode(peer.startTls(ofServer), 'UNEXPECTED_PLAINTEXT')).to.include({ bytes: 3 });
  });

  it('comes before connect, or after an end, to the errors of these states', async () => {
    const unconnected = new ConnectSocket({ host: '127.0.0.1', port: 1 });
    expect((await expectCode(unconnected.startTls(ofClient), 'WRONG_STATE')).message).to.contain('not connected');
    await unconnected.close();
    await expectCode(unconnected.startTls(ofClient), 'SOCKET_CLOSED');
    const [client, server] = connectedPair();
    client.reset();
    await server.closed;
    await expectCode(server.startTls(ofServer), 'CONNECTION_LOST');
  });

  it('goes on with messages of a FramedSocket', async () => {
    const [client, server] = connectedPair();
    const codec = new TlvCodec({ typeBytes: 1, lengthBytes: 2, byteOrder: 'big-endian', maxValueBytes: 100 }, utf8Text);
    const [ours, theirs] = [new FramedSocket(client, codec), new FramedSocket(server, codec)];
    await ours.send({ type: 'S', value: '' });
    expect(await theirs.receive()).to.deep.equal({ type: 'S', value: '' });
    await Promise.all([client.startTls(ofClient), server.startTls(ofServer)]);
    await ours.send({ type: 'T', value: 'secret' });
    expect(await theirs.receive()).to.deep.equal({ type: 'T', value: 'secret' });
    await Promise.all([ours.close(), theirs.close()]);
  });

  it('puts the bytes on the wire encrypted', async () => {
    const received: Buffer[] = [];
    const listener = sockets.keep(new ListenSocket({ host: '127.0.0.1', port: 0 }));
    await listener.bindAndListen();
    const relay = createServer((near) => {
      const far = connect((listener.address as { port: number }).port, '127.0.0.1');
      for (const end of [near, far] as Socket[]) end.on('error', () => undefined);
      near.on('data', (chunk: Buffer) => received.push(chunk));
      near.pipe(far).pipe(near);
    });
    sockets.keep(relay).listen(0, '127.0.0.1');
    await new Promise((resolve) => relay.once('listening', resolve));
    const { port } = relay.address() as { port: number };
    const client = sockets.keep(new ConnectSocket({ host: '127.0.0.1', port }));
    const [peer] = await Promise.all([listener.accept(), client.connect()]);
    await Promise.all([client.startTls(ofClient), sockets.keep(peer).startTls(ofServer)]);
    await client.sendAll(Buffer.from('a secret of sixteen'));
    expect(String(await peer.recvExactly(19))).to.equal('a secret of sixteen');
    expect(Buffer.concat(received).length).to.be.greaterThan(100);
    expect(Buffer.concat(received).includes('secret')).to.equal(false);
  });
});
