import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import { ConnectSocket, ListenSocket } from '../../../../../lib/index';
import { connectedPair } from '../../../../../lib/testing/index';
import { identity, pem } from '../../../../support/certificates';
import { CLIENT, SERVER, TlsSockets } from '../../../../support/tls_sockets';

describe('tls of a socket', () => {
  const sockets = new TlsSockets();

  afterEach(async () => sockets.closeAll());

  it('has what both ends have agreed on, and the certificate of the peer', async () => {
    const listener = await sockets.listen({ ...SERVER, ALPNProtocols: ['lottery', 'echo'], minVersion: 'TLSv1.3' });
    const { client, peer } = await sockets.pair(listener, { ...CLIENT, ALPNProtocols: ['lottery'] }, 'localhost');
    for (const socket of [client, peer]) {
      expect(socket.tls).to.include({
        authorized: true,
        authorizationError: undefined,
        alpnProtocol: 'lottery',
        serverName: 'localhost',
        protocol: 'TLSv1.3',
      });
      expect(socket.tls!.cipher).to.match(/^TLS_[A-Z0-9_]+$/);
    }
    const ofClient = peer.tls!.peerCertificate!;
    expect(ofClient.subject).to.equal('C=AR, O=Lottery, CN=agency 7');
    expect(ofClient.commonName).to.equal('agency 7');
    expect(ofClient.issuer).to.equal('CN=Test CA');
    expect(ofClient.subjectAltName.uri).to.deep.equal(['urn:lottery:agency:7']);
    expect(ofClient.validFrom).to.deep.equal(new Date('2020-01-01T00:00:00Z'));
    expect(ofClient.validTo).to.deep.equal(new Date('2125-01-01T00:00:00Z'));
    expect(ofClient.fingerprint256).to.match(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    expect(ofClient.serialNumber).to.match(/^[0-9A-F]+$/);
    expect(ofClient.x509.toString().trim()).to.equal(pem('client').trim());
    expect(client.tls!.peerCertificate!.subjectAltName.dns).to.deep.equal(['localhost']);
  });

  it('stays the same after the end of the connection', async () => {
    const { client, peer } = await sockets.pair(await sockets.listen());
    const infos = [client.tls, peer.tls];
    await Promise.all([client.close(), peer.close()]);
    expect([client.tls, peer.tls]).to.deep.equal(infos);
    expect(peer.tls!.peerCertificate!.subjectAltName.uri).to.deep.equal(['urn:lottery:agency:7']);
    expect(client.tls!.authorized).to.equal(true);
  });

  it('is not authorized for a client without a certificate, and for one that is refused but let in', async () => {
    const open = await sockets.listen({ ...identity('server') });
    const anonymous = await sockets.pair(open, { ca: pem('ca') });
    expect(anonymous.peer.tls).to.include({
      authorized: false,
      authorizationError: undefined,
      peerCertificate: undefined,
      alpnProtocol: undefined,
      serverName: undefined,
    });
    const lenient = await sockets.listen({ ...SERVER, rejectUnauthorized: false });
    const expired = await sockets.pair(lenient, { ...CLIENT, ...identity('client_expired') });
    expect(expired.peer.tls).to.include({ authorized: false, authorizationError: 'CERT_HAS_EXPIRED' });
    expect(expired.peer.tls!.peerCertificate!.subjectAltName.uri).to.deep.equal(['urn:lottery:agency:7']);
    const missing = await sockets.pair(lenient, { ca: pem('ca') });
    expect(missing.peer.tls!.authorized).to.equal(false);
    expect(missing.peer.tls!.peerCertificate).to.equal(undefined);
  });

  it('is not authorized for a server that is refused but kept', async () => {
    const listener = await sockets.listen(identity('server_expired'));
    const { client } = await sockets.pair(listener, { ...CLIENT, rejectUnauthorized: false });
    expect(client.tls).to.include({ authorized: false, authorizationError: 'CERT_HAS_EXPIRED' });
  });

  it('leaves the certificate to a caller who made the stream', async () => {
    const { listener, port } = await sockets.listen();
    const stream = connectTls({ host: '127.0.0.1', port, ...CLIENT });
    const client = sockets.keep(new ConnectSocket({ createConnection: () => stream }));
    const [peer] = await Promise.all([listener.accept(), client.connect()]);
    sockets.keep(peer);
    expect(client.tls!.peerCertificate!.subject).to.equal('CN=localhost');
    expect(stream.getPeerX509Certificate()!.subject).to.equal('CN=localhost');
  });

  it('is undefined without TLS, and before the connection', async () => {
    const [left] = connectedPair();
    expect(left.tls).to.equal(undefined);
    const listener = sockets.keep(new ListenSocket({ host: '127.0.0.1', port: 0 }));
    await listener.bindAndListen();
    const client = sockets.keep(new ConnectSocket({ ...(listener.address as { host: string; port: number }) }));
    expect(client.tls).to.equal(undefined);
    const [peer] = await Promise.all([listener.accept(), client.connect()]);
    sockets.keep(peer);
    expect([client.tls, peer.tls]).to.deep.equal([undefined, undefined]);
    const closed = new ConnectSocket({ host: 'localhost', port: 1, tls: {} });
    await closed.close();
    expect(closed.tls).to.equal(undefined);
  });
});
