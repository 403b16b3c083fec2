import { once } from 'node:events';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { expect } from 'chai';
import {
  CertificateRefusedError,
  ConnectionLostError,
  ConnectSocket,
  type ConnectSocketOptions,
  HandshakeFailedError,
  type SocketError,
} from '../../../../lib/index';
import { MemoryStream } from '../../../../lib/testing/index';
import { expectCode } from '../../../support/rejection';
import { tlsIdentity } from '../../../support/tls_identity';
import { temporarySocketPath } from '../../../support/transports';

describe('ConnectSocket over TLS', () => {
  const ca = tlsIdentity.cert;
  const servers: Server[] = [];
  const sockets: ConnectSocket[] = [];

  afterEach(async () => {
    await Promise.all(sockets.splice(0).map((socket) => socket.close()));
    for (const server of servers.splice(0)) server.close();
  });

  /** Starts a server that ends its side when the client does. Gives its port, or 0 for a path. */
  async function start(server: Server, target: object = { host: '127.0.0.1', port: 0 }): Promise<number> {
    servers.push(server);
    server.listen(target);
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' ? address!.port : 0;
  }

  async function startTls(options: TlsOptions = {}): Promise<{ server: Server; port: number }> {
    const server = createServer({ ...tlsIdentity, ...options });
    server.on('secureConnection', (peer: TLSSocket) => peer.on('error', () => undefined).resume());
    return { server, port: await start(server) };
  }

  function socketTo(options: ConnectSocketOptions): ConnectSocket {
    const socket = new ConnectSocket(options);
    sockets.push(socket);
    return socket;
  }

  describe('the server name (SNI, RFC 6066 section 3)', () => {
    async function serverNameSeen(host: string, servername?: string): Promise<string | false> {
      const { server, port } = await startTls();
      const accepted = once(server, 'secureConnection') as Promise<[TLSSocket & { servername: string | false }]>;
      await socketTo({ host, port, tls: { ca, servername } }).connect();
      return (await accepted)[0].servername;
    }

    it('is the host by default', async () => {
      expect(await serverNameSeen('localhost')).to.equal('localhost');
    });

    it('is not sent for an IP address', async () => {
      expect(await serverNameSeen('127.0.0.1')).to.equal(false);
    });

    it('is the option where there is one, and the certificate must match it', async () => {
      expect(await serverNameSeen('127.0.0.1', 'localhost')).to.equal('localhost');
      const { port } = await startTls();
      const error = await expectCode(
        socketTo({ host: 'localhost', port, tls: { ca, servername: 'other.example' } }).connect(),
        'HANDSHAKE_FAILED',
      );
      expect(error.message).to.contain(`connect to localhost:${port}: `).and.to.contain('other.example');
    });
  });

  it('sends and receives, over TCP and over a Unix socket, with the options of Node', async () => {
    const path = temporarySocketPath();
    const echo = (peer: TLSSocket): unknown => peer.on('error', () => undefined).pipe(peer);
    const port = await start(createServer({ ...tlsIdentity, ALPNProtocols: ['echo'] }, echo));
    await start(createServer({ ...tlsIdentity, ALPNProtocols: ['echo'] }, echo), { path });
    for (const target of [{ host: 'localhost', port }, { path }]) {
      const socket = socketTo({ ...target, tls: { ca, ALPNProtocols: ['echo'] } });
      await socket.connect();
      await socket.sendAll(Buffer.from('secret'));
      expect(String(await socket.recvExactly(6))).to.equal('secret');
      await socket.shutdownWrite();
      expect(await socket.recvExactly(1)).to.equal(null);
    }
  });

  describe('errors', () => {
    it('of a handshake name the target, the reason in one line, and its cause', async () => {
      const { port } = await startTls();
      const plain = await start(createTcpServer((peer: Socket) => peer.on('error', () => undefined).end('no TLS')));
      for (const [target, code, cause, reason] of [
        [
          { host: 'localhost', port, tls: {} },
          'HANDSHAKE_FAILED',
          'DEPTH_ZERO_SELF_SIGNED_CERT',
          'is of an unknown authority (DEPTH_ZERO_SELF_SIGNED_CERT)',
        ],
        [{ host: 'localhost', port: plain, tls: { ca } }, 'HANDSHAKE_FAILED', 'ERR_SSL_', '(ERR_SSL_'],
        [{ host: 'localhost', port, tls: { key: 'no PEM' } }, 'UNUSABLE_TLS_OPTIONS', 'ERR_OSSL_', '(ERR_OSSL_'],
      ] as const) {
        const error = await expectCode(socketTo(target).connect(), code);
        expect(error.message).to.contain(`connect to localhost:${target.port}: `).and.to.contain(reason);
        expect(error.message).not.to.contain('\n');
        expect((error.cause as NodeJS.ErrnoException).code).to.contain(cause);
      }
    });

    it('name the address for a stream of the caller too, of a time limit as well', async () => {
      const { port } = await startTls();
      const remote = { host: '127.0.0.1', port };
      const refused = socketTo({ createConnection: () => connectTls(remote) });
      const error = (await expectCode(refused.connect(), 'HANDSHAKE_FAILED')) as SocketError;
      expect(error.message).to.contain(`connect to 127.0.0.1:${port}: the TLS handshake failed: the certificate of `);
      expect(error.remote).to.deep.equal(remote);

      const silent = createTcpServer((peer: Socket) => peer.on('error', () => undefined));
      const silentPort = await start(silent);
      const accepted = once(silent, 'connection');
      const controller = new AbortController();
      const slow = socketTo({ createConnection: () => connectTls({ host: '127.0.0.1', port: silentPort }) });
      const aborted = expectCode(slow.connect(controller), 'ABORTED');
      const [peer] = (await accepted) as [Socket];
      await once(peer, 'data');
      controller.abort();
      expect((await aborted).message).to.contain(`connect to 127.0.0.1:${silentPort}: `);
    });

    it('of a missing client certificate are one clear line of their own class', async () => {
      const { port } = await startTls({ requestCert: true });
      // With TLS 1.3 the handshake of the client is done before the server sees that the certificate is missing.
      const socket = socketTo({ host: 'localhost', port, tls: { ca, minVersion: 'TLSv1.3' } });
      await socket.connect();
      for (let call = 0; call < 2; call++) {
        const error = await expectCode(socket.recvExactly(1), 'CERTIFICATE_REFUSED');
        expect(error).to.be.instanceOf(CertificateRefusedError).and.not.instanceOf(ConnectionLostError);
        expect(error).to.include({ alert: 'certificate required', operation: 'receive' });
        expect(error.message).to.match(
          /^receive from (127\.0\.0\.1|\[::1\]):\d+: the peer refused the certificate of this side \(certificate required\)$/,
        );
        expect(error.cause).to.have.property('code', 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED');
      }
      const late = await expectCode(socket.sendAll(Buffer.from('x')), 'CERTIFICATE_REFUSED');
      expect(late).to.have.property('operation', 'send');
    });

    it('of every alert about a certificate are of that class, within the handshake too (RFC 8446 section 6.2)', async () => {
      for (const alert of [
        'bad certificate',
        'unsupported certificate',
        'certificate revoked',
        'certificate expired',
        'certificate unknown',
        'unknown ca',
        'access denied',
        'certificate required',
      ]) {
        for (const version of ['sslv3', 'tlsv1', 'tlsv13', 'ssl/tls']) {
          const error = await connectError(`${version} alert ${alert}`);
          expect(error, alert)
            .to.be.instanceOf(CertificateRefusedError)
            .and.to.include({ alert, operation: 'connect' });
        }
      }
      for (const [reason, failure] of [
        ['sslv3 alert handshake failure', 'no-agreement'],
        ['ssl/tls alert handshake failure', 'no-agreement'],
        ['wrong version number', 'not-tls'],
        ['bad record type', 'other'],
      ]) {
        expect(await connectError(reason!))
          .to.be.instanceOf(HandshakeFailedError)
          .and.to.include({ reason: failure });
      }
    });

    /** The error of a connect whose stream fails with this reason of OpenSSL. */
    async function connectError(reason: string): Promise<unknown> {
      const code = `ERR_SSL_${reason.toUpperCase().replaceAll(' ', '_')}`;
      const cause = Object.assign(new Error(`C0:error::SSL routines::${reason}:\n`), {
        reason,
        code,
        library: 'SSL routines',
      });
      const [near] = MemoryStream.pair();
      const stream = Object.assign(near, { encrypted: true, secureConnecting: true });
      const connecting = socketTo({ createConnection: () => stream }).connect();
      stream.destroy(cause);
      return connecting.catch((error: unknown) => error);
    }
  });
});
