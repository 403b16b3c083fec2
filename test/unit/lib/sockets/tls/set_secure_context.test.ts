import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import { ListenSocket, TlsOptionsError } from '../../../../../lib/index';
import { identity, pem } from '../../../../support/certificates';
import { CLIENT, SERVER, TlsSockets } from '../../../../support/tls_sockets';

describe('setSecureContext of a listener', () => {
  const sockets = new TlsSockets();

  afterEach(async () => sockets.closeAll());

  /** The DNS names of the server's certificate. */
  async function serverNames(port: number): Promise<readonly string[]> {
    const client = sockets.client(port, { ...CLIENT, checkServerIdentity: () => undefined });
    await client.connect();
    return client.tls!.peerCertificate!.subjectAltName.dns;
  }

  it('exchanges the certificate for new handshakes, and open connections stay', async () => {
    const opened = await sockets.listen();
    const { client, peer } = await sockets.pair(opened);
    opened.listener.setSecureContext(identity('server_other_name'));
    expect(await serverNames(opened.port)).to.deep.equal(['other.example']);
    await client.sendAll(Buffer.from('still here'));
    expect(String(await peer.recvExactly(10))).to.equal('still here');
    await peer.sendAll(Buffer.from('so are we'));
    expect(String(await client.recvExactly(9))).to.equal('so are we');
    expect(client.tls!.peerCertificate!.subjectAltName.dns).to.deep.equal(['localhost']);
  });

  it('leaves options that are left out as they are', async () => {
    const { listener, port, failure } = await sockets.listen();
    listener.setSecureContext(identity('server_other_name'));
    listener.setSecureContext({ crl: pem('crl') });
    expect(await serverNames(port)).to.deep.equal(['other.example']);
    const anonymous = sockets.client(port, { ca: pem('ca'), checkServerIdentity: () => undefined });
    const outcome = anonymous.connect().catch(() => undefined);
    expect((await failure()).reason).to.equal('certificate-missing');
    await outcome;
  });

  it('revokes a client for its next handshake', async () => {
    const opened = await sockets.listen();
    const tls = { ...CLIENT, ...identity('client_revoked') };
    const { client, peer } = await sockets.pair(opened, tls);
    opened.listener.setSecureContext({ crl: pem('crl') });
    const outcome = sockets
      .client(opened.port, tls)
      .connect()
      .catch(() => undefined);
    expect((await opened.failure()).reason).to.equal('certificate-revoked');
    await outcome;
    await client.sendAll(Buffer.from('x'));
    expect(String(await peer.recvExactly(1))).to.equal('x');
  });

  it('refuses options that cannot be used, and the old ones stay', async () => {
    const { listener, port } = await sockets.listen();
    for (const [changes, words] of [
      [{ key: 'no PEM' }, /\(ERR_OSSL_\w+\)$/],
      [{ cert: 'no PEM' }, /\S$/],
      [{ ca: 5 as unknown as string }, /\S$/],
      [{ crl: 'no PEM' }, /\S$/],
      [{ minVersion: 'TLSv9' as 'TLSv1.3' }, /\S$/],
    ] as const) {
      expect(() => listener.setSecureContext(changes))
        .to.throw(TlsOptionsError, words)
        .which.includes({ code: 'UNUSABLE_TLS_OPTIONS', operation: 'set the TLS context' })
        .and.satisfies((error: Error) =>
          error.message.startsWith(`set the TLS context on 127.0.0.1:${port}: the TLS options cannot be used: `),
        )
        .and.satisfies((error: Error) => !error.message.includes('\n'));
    }
    expect(() => listener.setSecureContext({ resumption: 1 as unknown as boolean })).to.throw(TypeError, 'resumption');
    expect(await serverNames(port)).to.deep.equal(['localhost']);
  });

  it('needs the option tls', () => {
    const listener = new ListenSocket({ host: '127.0.0.1', port: 0 });
    expect(() => listener.setSecureContext({}))
      .to.throw('set the TLS context on 127.0.0.1:0: the listener has no option tls')
      .with.property('code', 'WRONG_STATE');
  });

  describe('resumption', () => {
    /** Whether the second connection resumes the session of the first. */
    async function isResumed(resumption?: boolean): Promise<boolean[]> {
      const { listener, port } = await sockets.listen({ ...SERVER, resumption });
      const resumed: boolean[] = [];
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        let session: Buffer | undefined;
        for (let connection = 0; connection < 2; connection++) {
          const stream = connectTls({ host: '127.0.0.1', port, ...CLIENT, maxVersion, session });
          sockets.keep({ close: () => stream.destroy() });
          stream.on('session', (ticket) => (session = ticket));
          // A session that is resumed gives no new one, with TLS 1.2.
          const ready = Promise.all([once(stream, 'data'), ...(connection === 0 ? [once(stream, 'session')] : [])]);
          await sockets.keep(await listener.accept()).sendAll(Buffer.from('x'));
          await ready;
          resumed.push(stream.isSessionReused());
        }
      }
      return resumed;
    }

    it('is off by default, so that a revoked certificate is not let in by an old session', async () => {
      expect(await isResumed()).to.deep.equal([false, false, false, false]);
    });

    it('is possible', async () => {
      expect(await isResumed(true)).to.deep.equal([false, true, false, true]);
    });
  });
});
