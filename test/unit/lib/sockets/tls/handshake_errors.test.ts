import { connect, createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { useFakeTimers } from 'sinon';
import {
  type ConnectSocketOptions,
  formatAddress,
  type HandshakeFailedError,
  type HandshakeFailure,
  type SocketError,
  type TlsListenOptions,
} from '../../../../../lib/index';
import { handshakeError } from '../../../../../lib/sockets/tls/handshake_failure';
import { identity, pem } from '../../../../support/certificates';
import { portOf } from '../../../../support/listen_sockets';
import { expectCode } from '../../../../support/rejection';
import { CLIENT, SERVER, TlsSockets } from '../../../../support/tls_sockets';

const ALL_VERSIONS: Partial<TlsListenOptions>[] = [
  { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
  { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' },
];

describe('a TLS handshake that fails', () => {
  const sockets = new TlsSockets();

  afterEach(async () => sockets.closeAll());

  describe('is one line on the server, with the reason and the address of the client, if the client', () => {
    const CASES: readonly [
      string,
      ConnectSocketOptions['tls'],
      HandshakeFailure,
      string,
      Partial<TlsListenOptions>?,
    ][] = [
      [
        'has no certificate',
        { ca: pem('ca') },
        'certificate-missing',
        'the client has no certificate (ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE)',
      ],
      [
        'has an expired certificate',
        { ...CLIENT, ...identity('client_expired') },
        'certificate-expired',
        'the certificate of the client has expired (CERT_HAS_EXPIRED)',
      ],
      [
        'has a certificate that is not valid yet',
        { ...CLIENT, ...identity('client_future') },
        'certificate-not-yet-valid',
        'the certificate of the client is not valid yet (CERT_NOT_YET_VALID)',
      ],
      [
        'has a revoked certificate',
        { ...CLIENT, ...identity('client_revoked') },
        'certificate-revoked',
        'the certificate of the client is revoked (CERT_REVOKED)',
        { crl: pem('crl') },
      ],
      [
        'has a certificate of another authority',
        { ...CLIENT, ...identity('client_other_ca') },
        'certificate-unknown-authority',
        'the certificate of the client is of an unknown authority (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
      ],
      [
        'has a certificate with a forged signature',
        { ...CLIENT, ...identity('client_forged') },
        'certificate-unknown-authority',
        'the certificate of the client is of an unknown authority (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
      ],
      [
        'has a certificate whose authority has no list of revocations',
        { ...CLIENT, ...identity('client_other_ca') },
        'certificate-invalid',
        'the certificate of the client cannot be accepted (UNABLE_TO_GET_CRL)',
        { crl: pem('crl'), ca: [pem('ca'), pem('other_ca')] },
      ],
    ];
    for (const [title, tls, reason, words, options] of CASES) {
      for (const versions of ALL_VERSIONS) {
        it(`${title} (${versions.minVersion})`, async () => {
          const { listener, port, failure } = await sockets.listen({ ...SERVER, ...options, ...versions });
          const client = sockets.client(port, tls);
          const outcome = client.connect().then(async () => client.recvExactly(1));
          const error = await failure();
          expect(error).to.include({ code: 'HANDSHAKE_FAILED', operation: 'accept', reason });
          expect(error.message).to.equal(
            `accept on ${formatAddress(listener.address)}: the TLS handshake with ${formatAddress(error.remote)} failed: ${words}`,
          );
          expect((error.remote as { host: string }).host).to.equal('127.0.0.1');
          // The client gets an alert, an end or a loss, and no byte.
          expect(await outcome.catch((failed: SocketError) => failed.code)).to.be.oneOf([
            'HANDSHAKE_FAILED',
            'CERTIFICATE_REFUSED',
            'CONNECTION_LOST',
            null,
          ]);
          expect(listener.failedHandshakes).to.equal(1);
        });
      }
    }
  });

  describe('is one line on the client, with the reason and the server, if the server', () => {
    const CASES: readonly [string, TlsListenOptions, HandshakeFailure, string, object?][] = [
      [
        'has an expired certificate',
        identity('server_expired'),
        'certificate-expired',
        'the certificate of the server has expired (CERT_HAS_EXPIRED)',
      ],
      [
        'has a certificate that is not valid yet',
        identity('server_future'),
        'certificate-not-yet-valid',
        'the certificate of the server is not valid yet (CERT_NOT_YET_VALID)',
      ],
      [
        'has a revoked certificate',
        identity('server_revoked'),
        'certificate-revoked',
        'the certificate of the server is revoked (CERT_REVOKED)',
        { crl: pem('crl') },
      ],
      [
        'has a certificate of another authority',
        identity('server_other_ca'),
        'certificate-unknown-authority',
        'the certificate of the server is of an unknown authority (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
      ],
      [
        'has a certificate for another name',
        identity('server_other_name'),
        'certificate-wrong-name',
        'the certificate of the server is for another name (ERR_TLS_CERT_ALTNAME_INVALID: ' +
          "Host: localhost. is not in the cert's altnames: DNS:other.example)",
      ],
      [
        'has no certificate',
        { key: undefined, cert: undefined },
        'no-agreement',
        'the server and this side have no cipher or kind of key in common (ERR_SSL_',
      ],
      [
        'has no application protocol in common',
        { ALPNProtocols: ['a'] },
        'application-protocol',
        'the server and this side have no application protocol (ALPN) in common (ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL)',
        { ALPNProtocols: ['b'] },
      ],
    ];
    for (const [title, server, reason, words, client] of CASES) {
      for (const versions of ALL_VERSIONS) {
        it(`${title} (${versions.minVersion})`, async () => {
          const { port } = await sockets.listen({ ...SERVER, ...server, ...versions });
          const connecting = sockets.client(port, { ...CLIENT, ...client }, 'localhost').connect();
          const error = (await expectCode(connecting, 'HANDSHAKE_FAILED')) as HandshakeFailedError;
          expect(error).to.include({ operation: 'connect', reason });
          expect(error.message).to.contain(`connect to localhost:${port}: the TLS handshake failed: ${words}`);
          expect(error.message).not.to.contain('\n');
          expect(error.remote).to.deep.equal({ host: 'localhost', port });
          expect(error.cause).to.be.instanceOf(Error);
        });
      }
    }
  });

  it('for another name has no more than 200 characters of the names in the certificate', () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `DNS:${index}.example`).join(', ');
    const cause = Object.assign(new Error(names), { code: 'ERR_TLS_CERT_ALTNAME_INVALID', reason: names });
    const { message } = handshakeError('connect', {}, 'server', cause);
    expect(message).to.equal(
      'connect: the TLS handshake failed: the certificate of the server is for another name ' +
        `(ERR_TLS_CERT_ALTNAME_INVALID: ${names.slice(0, 200)}…)`,
    );
  });

  it('for want of a common protocol version says so on both sides', async () => {
    for (const [server, client] of [
      [{ minVersion: 'TLSv1.3' }, { maxVersion: 'TLSv1.2' }],
      [{ maxVersion: 'TLSv1.2' }, { minVersion: 'TLSv1.3' }],
    ] as const) {
      const { port, failure } = await sockets.listen({ ...SERVER, ...server });
      const connecting = sockets.client(port, { ...CLIENT, ...client }).connect();
      const ofClient = await expectCode(connecting, 'HANDSHAKE_FAILED');
      expect(ofClient).to.include({ reason: 'protocol-version' });
      expect(ofClient.message).to.contain('the server and this side have no protocol version in common (ERR_SSL_');
      const ofServer = await failure();
      expect(ofServer.reason).to.equal('protocol-version');
      expect(ofServer.message).to.contain('the client and this side have no protocol version in common (ERR_SSL_');
    }
  });

  describe('for want of TLS', () => {
    /** A plain server that does `answer` for each client. */
    async function plainServer(answer: (peer: Socket) => void): Promise<number> {
      const server = createServer((peer) => {
        peer.on('error', () => undefined);
        sockets.keep({ close: () => peer.destroy() });
        answer(peer);
      });
      sockets.keep(server).listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      return portOf({ host: '127.0.0.1', port: (server.address() as { port: number }).port });
    }

    it('on the client: the server gets text', async () => {
      for (const text of ['GET / HTTP/1.0\r\n\r\n', 'B'.repeat(600)]) {
        const { port, failure } = await sockets.listen();
        const client = await sockets.connected(connect(port, '127.0.0.1'));
        const remote = { host: '127.0.0.1', port: client.localPort };
        client.write(text);
        const error = await failure();
        expect(error.reason).to.equal('not-tls');
        expect(error.remote).to.deep.equal(remote);
        expect(error.message).to.match(/the client does not speak TLS \(ERR_SSL_\w+\)$/);
      }
    });

    it('on the server: the client gets text', async () => {
      const port = await plainServer((peer) => peer.write('220 welcome\r\n'));
      const error = await expectCode(sockets.client(port).connect(), 'HANDSHAKE_FAILED');
      expect(error).to.include({ reason: 'not-tls' });
      expect(error.message).to.equal(
        `connect to 127.0.0.1:${port}: the TLS handshake failed: ` +
          'the server does not speak TLS (ERR_SSL_WRONG_VERSION_NUMBER)',
      );
    });

    it('on the server: it ends the connection', async () => {
      const port = await plainServer((peer) => peer.once('data', () => peer.end()));
      const error = await expectCode(sockets.client(port).connect(), 'HANDSHAKE_FAILED');
      expect(error).to.include({ reason: 'ended' });
      expect(error.message).to.contain('the TLS handshake failed: the server ended the connection');
    });

    it('on the server: it waits, until the time limit of the client, which says so', async () => {
      let onHello: (() => void) | undefined;
      const hello = new Promise<void>((resolve) => (onHello = resolve));
      const port = await plainServer((peer) => peer.on('data', () => onHello?.()));
      const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const failed = expectCode(sockets.client(port).connect({ timeoutMs: 50 }), 'TIMED_OUT');
        await hello;
        await clock.tickAsync(50);
        const error = await failed;
        expect(error).to.include({ clock: 'handshake', timeoutMs: 50 });
        expect(error.message).to.equal(`connect to 127.0.0.1:${port}: timed out after 50 ms in the TLS handshake`);
      } finally {
        clock.restore();
      }
    });
  });

  it('for the time limit or an end of the client has these reasons on the server', async () => {
    const hurried = await sockets.listen(SERVER, { handshakeTimeoutMs: 1 });
    await sockets.connected(connect(hurried.port, '127.0.0.1'));
    expect((await hurried.failure()).reason).to.equal('timeout');
    const { port, failure } = await sockets.listen();
    const leaving = await sockets.connected(connect(port, '127.0.0.1'));
    leaving.end();
    const error = await failure();
    expect(error.reason).to.equal('ended');
    expect(error.message).to.match(/: the client ended the connection$/);
  });

  it('for options of this side that cannot be used is an error of its own class on both sides', async () => {
    const connecting = sockets.client(1, { key: 'no PEM' }).connect();
    const error = await expectCode(connecting, 'UNUSABLE_TLS_OPTIONS');
    expect(error.message).to.match(/^connect to 127\.0\.0\.1:1: the TLS options cannot be used: .*\(ERR_OSSL_\w+\)$/);
    await expectCode(sockets.listen({ cert: pem('server'), key: 'no PEM' }), 'UNUSABLE_TLS_OPTIONS');
    const mismatch = await expectCode(sockets.listen({ cert: 'no PEM', key: pem('key') }), 'UNUSABLE_TLS_OPTIONS');
    expect(mismatch.message).to.match(/^listen on 127\.0\.0\.1:0: the TLS options cannot be used: \S[^\n]*$/);
  });
});
