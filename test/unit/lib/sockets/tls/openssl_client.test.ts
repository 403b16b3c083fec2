import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Readable, type Writable } from 'node:stream';
import { expect } from 'chai';
import { identity } from '../../../../support/certificates';
import { SERVER, TlsSockets } from '../../../../support/tls_sockets';

const CERTIFICATES = join(__dirname, '../../../../support/certificates');
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

(hasOpenssl ? describe : describe.skip)('openssl s_client, a foreign client', () => {
  const sockets = new TlsSockets();
  type Client = ChildProcessByStdio<Writable, Readable, Readable>;

  afterEach(async () => sockets.closeAll());

  /** A client in which a program can write and read. An option `@name` is the file of a certificate. */
  function sClient(port: number, ...options: string[]): Client {
    const file = (name: string): string => join(CERTIFICATES, `${name}.pem`);
    const always = ['-connect', `127.0.0.1:${port}`, '-CAfile', '@ca', '-key', '@key', '-quiet'];
    const args = [...always, ...options].map((each) => (each.startsWith('@') ? file(each.slice(1)) : each));
    const client = spawn('openssl', ['s_client', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    sockets.keep({ close: () => client.kill('SIGKILL') });
    client.stdin.on('error', () => undefined);
    client.stdout.resume();
    client.stderr.resume();
    return client;
  }

  it('is let in with its certificate, by TLS 1.3 and by TLS 1.2, and both ends talk', async () => {
    const { listener, port } = await sockets.listen({ ...SERVER, ALPNProtocols: ['lottery'] });
    for (const [version, protocol] of [
      ['-tls1_3', 'TLSv1.3'],
      ['-tls1_2', 'TLSv1.2'],
    ] as const) {
      const names = ['-servername', 'lottery.example', '-alpn', 'lottery', '-verify_return_error'];
      const client = sClient(port, '-cert', '@client', version, ...names);
      const peer = sockets.keep(await listener.accept());
      expect(peer.tls).to.include({
        authorized: true,
        protocol,
        serverName: 'lottery.example',
        alpnProtocol: 'lottery',
      });
      expect(peer.tls!.peerCertificate!.subjectAltName.uri).to.deep.equal(['urn:lottery:agency:7']);
      client.stdin.write('hello\n');
      expect(String(await peer.recvUntil('\n'))).to.equal('hello\n');
      const answer = once(client.stdout, 'data');
      await peer.sendAll(Buffer.from('welcome\n'));
      expect(String((await answer)[0])).to.equal('welcome\n');
      const ended = once(client, 'close');
      await peer.close();
      await ended;
    }
  });

  for (const [title, options, reason] of [
    ['has no certificate', [], 'certificate-missing'],
    ['has an expired one', ['-cert', '@client_expired'], 'certificate-expired'],
    ['has one of another authority', ['-cert', '@client_other_ca'], 'certificate-unknown-authority'],
    ['speaks TLS 1.2 only', ['-cert', '@client', '-tls1_2'], 'protocol-version'],
  ] as const) {
    it(`is refused if it ${title}`, async () => {
      const { port, failure } = await sockets.listen({ ...SERVER, minVersion: 'TLSv1.3' });
      const ended = once(sClient(port, ...options), 'close');
      expect((await failure()).reason).to.equal(reason);
      await ended;
    });
  }

  it('that refuses the certificate of the server is reported with its alert', async () => {
    const { port, failure } = await sockets.listen({ ...SERVER, ...identity('server_other_ca') });
    sClient(port, '-cert', '@client', '-verify_return_error');
    const error = await failure();
    expect(error.reason).to.equal('certificate-refused');
    expect(error.message).to.match(/failed: the client refused the certificate of this side \(unknown ca\)$/);
  });

  it('verifies the new certificate after setSecureContext', async () => {
    const { listener, port } = await sockets.listen({ ...identity('server') });
    listener.setSecureContext(identity('server_other_name'));
    const client = sClient(port, '-verify_return_error', '-verify_hostname', 'other.example');
    const peer = sockets.keep(await listener.accept());
    client.stdin.write('hello\n');
    expect(String(await peer.recvUntil('\n'))).to.equal('hello\n');
  });

  it('starts TLS in the middle of SMTP (RFC 3207)', async () => {
    const { listener, port } = await sockets.listen(SERVER, { tls: undefined });
    const client = sClient(port, '-cert', '@client', '-starttls', 'smtp', '-name', 'client.example');
    const peer = sockets.keep(await listener.accept());
    await peer.sendAll(Buffer.from('220 mail.example ESMTP\r\n'));
    expect(String(await peer.recvUntil('\r\n'))).to.equal('EHLO client.example\r\n');
    await peer.sendAll(Buffer.from('250-mail.example\r\n250 STARTTLS\r\n'));
    expect(String(await peer.recvUntil('\r\n'))).to.equal('STARTTLS\r\n');
    await peer.sendAll(Buffer.from('220 go ahead\r\n'));
    await peer.startTls({ isServer: true, ...SERVER });
    expect(peer.tls!.peerCertificate!.subject).to.equal('C=AR, O=Lottery, CN=agency 7');
    client.stdin.write('EHLO again\n');
    expect(String(await peer.recvUntil('\n'))).to.equal('EHLO again\n');
  });
});
