import { expect } from 'chai';
import { rename, rm } from 'node:fs/promises';
import { type TLSSocket } from 'node:tls';
import { storedRowsOf } from '../../support/generated_bets';
import { EXPIRED, LotteryCertificates } from '../../support/lottery_certificates';
import { LotterySandbox } from '../../support/lottery_sandbox';
import { type WireClient } from '../../support/wire_client';
import { CertificateAuthority, type Identity, validFor } from '../../../tools/certificates/certificate_authority';
import { metricsIn, readDocumentedMetrics } from '../../support/metrics_text';
import { findFreePort } from '../../../tools/free_port';

const DAY_MS = 86_400_000;

describe('a server by TLS whose files change', function () {
  this.timeout(30_000);
  let sandbox: LotterySandbox;
  let certificates: LotteryCertificates;
  let agency: Identity;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    certificates = await LotteryCertificates.create(sandbox, 1);
    agency = await certificates.writeAgency('agency-1', 1);
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  const connect = (port: number): Promise<WireClient> =>
    sandbox.connectTls(port, { cert: agency.certificate, key: agency.key });
  const serialNumber = (connection: WireClient): string =>
    (connection.socket as TLSSocket).getPeerX509Certificate()!.serialNumber.toLowerCase();

  it('takes a new certificate for new connections, and keeps the open session', async () => {
    const { app: server, port } = await sandbox.startServer(certificates.server);
    const open = await connect(port);
    expect(await open.ask('N', '1')).to.equal('O 0');

    const renewed = await certificates.writeServer();
    await server.linesMatching(/tls_files \| result: success \| valid_to: /, 1);
    expect(serialNumber(await connect(port))).to.equal(renewed.serialNumber);
    expect(await open.ask('B', '1,Ana,Paz,1,2000-01-01,7')).to.equal('O 1');
    expect(await sandbox.storedRows()).to.deep.equal(['1,Ana,Paz,1,2000-01-01,7']);
  });

  it('ends the session of a certificate that is revoked, and no other one', async () => {
    const two = await certificates.writeAgency('agency-2', 2);
    const { app: server, port } = await sandbox.startServer(certificates.server);
    const connectTwo = (): Promise<WireClient> => sandbox.connectTls(port, { cert: two.certificate, key: two.key });
    const [open, revoked, unnamed] = [await connect(port), await connectTwo(), await connectTwo()];
    expect(await open.ask('N', '1')).to.equal('O 0');
    expect(await revoked.ask('N', '2')).to.equal('O 0');
    expect(await revoked.ask('B', '2,Ana,Paz,2,2000-01-01,7')).to.equal('O 1');

    await certificates.revoke([two]);
    server.signal('SIGHUP');
    const refusal = 'E wrong-agency: the certificate is revoked (CERT_REVOKED)';
    expect(await revoked.rest()).to.deep.equal([refusal]);
    expect(await unnamed.rest()).to.deep.equal([refusal]);
    expect(await (await connectTwo()).ask('N', '2')).to.equal(refusal);
    await server.line(
      /action: session \| result: fail \| agency: 2 \| .* \| error: wrong-agency: the certificate is revoked/,
    );

    expect(await open.ask('B', '1,Ana,Paz,1,2000-01-01,7')).to.equal('O 1');
    expect(await sandbox.storedRows()).to.deep.equal(['1,Ana,Paz,1,2000-01-01,7', '2,Ana,Paz,2,2000-01-01,7']);
  });

  it('ends the sessions of an authority that is taken out, with a list of each authority', async () => {
    const other = await CertificateAuthority.create('other CA', validFor(100));
    const two = await certificates.writeAgency('agency-2', 2, { authority: other });
    const lists = [await certificates.authority.revoke([], validFor(100)), await other.revoke([], validFor(100))];
    await sandbox.write('ca.pem', [certificates.authority.certificate, other.certificate].join('\n'));
    await sandbox.write('crl.pem', lists.join(''));
    const { app: server, port } = await sandbox.startServer(certificates.server);
    const open = await connect(port);
    const removed = await sandbox.connectTls(port, { cert: two.certificate, key: two.key });
    expect(await open.ask('N', '1')).to.equal('O 0');
    expect(await removed.ask('N', '2')).to.equal('O 0');

    await sandbox.write('ca.pem', certificates.authority.certificate);
    server.signal('SIGHUP');
    expect(await removed.rest()).to.deep.equal([
      'E wrong-agency: the authority of the certificate is accepted no longer',
    ]);
    expect(await open.ask('B', '1,Ana,Paz,1,2000-01-01,7')).to.equal('O 1');
  });

  it('takes files that were replaced by others, and reads them at SIGHUP', async () => {
    const { app: server, port } = await sandbox.startServer(certificates.server);
    server.signal('SIGHUP');
    await server.linesMatching(/tls_files \| result: success/, 1);
    const identity = await certificates.authority.issue({ name: 'server', names: [], role: 'server' }, validFor(100));
    await sandbox.write('new.pem', identity.certificate);
    await sandbox.write('new.key.pem', identity.key);
    await rename(sandbox.path('new.pem'), sandbox.path('server.pem'));
    await rename(sandbox.path('new.key.pem'), sandbox.path('server.key.pem'));
    await server.linesMatching(/tls_files \| result: success/, 2);
    expect(serialNumber(await connect(port))).to.equal(identity.serialNumber);
  });

  it('keeps the old files and has a line if the new ones cannot be used', async () => {
    const { app: server, port } = await sandbox.startServer(certificates.server);
    const before = serialNumber(await connect(port));

    await sandbox.write('server.pem', 'no certificate');
    await server.line(
      /ERROR {4}action: tls_files \| result: fail \| error: SERVER_TLS_CERT_FILE .* has no certificate/,
    );
    await rm(sandbox.path('crl.pem'));
    server.signal('SIGHUP');
    const connection = await connect(port);
    expect(serialNumber(connection)).to.equal(before);
    expect(await connection.ask('N', '1')).to.equal('O 0');

    await certificates.writeServer();
    await certificates.revoke([]);
    await server.line(/tls_files \| result: success/);
    expect(serialNumber(await connect(port))).not.to.equal(before);
  });

  it('goes on with an upload, whatever changes meanwhile', async () => {
    const files = await sandbox.writeBets(1, 2000);
    const { app: server, port } = await sandbox.startServer({ SERVER_AGENCIES: '1', ...certificates.server });
    const client = sandbox.startClient(port, 1, {
      ...certificates.client,
      CLI_BATCH_MAX_AMOUNT: '10',
      CLI_WINDOW: '1',
    });
    await server.line(/apuesta_recibida/);
    await certificates.writeServer();
    server.signal('SIGHUP');
    await server.line(/tls_files \| result: success/);
    expect(client.grep(/upload \| result: success/)).to.deep.equal([]);
    expect((await client.end(25_000)).code, client.stdout).to.equal(0);
    expect(client.grep(/again_in_ms/)).to.deep.equal([]);
    expect(server.grep(/accept_connections \| result: success/)).to.have.length(1);
    expect(await sandbox.storedRows()).to.deep.equal(storedRowsOf(files));
  });

  it('warns of a certificate and a revocation list near their ends, and has metrics of it and of the failures', async () => {
    await certificates.writeServer({ validity: validFor(13.5) });
    const validity = { notBefore: new Date(Date.now() - 7 * DAY_MS), notAfter: new Date(Date.now() + 6 * DAY_MS) };
    await sandbox.write('crl.pem', await certificates.authority.revoke([], validity));
    const statusPort = String(await findFreePort());
    const { app: server, port } = await sandbox.startServer({
      ...certificates.server,
      SERVER_STATUS_PORT: statusPort,
      SERVER_STATUS_TLS: 'off',
    });
    await server.line(
      /WARNING {2}action: tls_expiry \| result: fail \| setting: SERVER_TLS_CERT_FILE \| file: .* \| days: 13$/,
    );
    await server.line(/tls_expiry \| result: fail \| setting: SERVER_TLS_CRL_FILE \| file: .*crl\.pem \| days: 5$/);
    const old = await certificates.writeAgency('old', 1, { validity: EXPIRED });
    const connection = await sandbox.connectTls(port, { cert: old.certificate, key: old.key });
    expect(await connection.next()).to.match(/^E wrong-agency: the certificate has expired/);
    await server.line(/action: status_page \| result: success/);
    const text = await (await fetch(`http://127.0.0.1:${statusPort}/metrics`)).text();
    expect(text).to.match(/^lottery_tls_handshake_failures_total\{reason="certificate-expired"\} 1$/m);
    expect(text).to.match(/^lottery_tls_handshake_failures_total\{reason="timeout"\} 0$/m);
    expect(text).to.match(/^lottery_tls_days_to_expiry\{file="certificate"\} 13\.[45]/m);
    expect(text).to.match(/^lottery_tls_days_to_expiry\{file="client_ca"\} 99\.9/m);
    expect(text).to.match(/^lottery_tls_days_to_expiry\{file="crl"\} 5\.9/m);
    expect(text).to.match(/^lottery_tls_failed_reloads_total 0$/m);
    const { always, withTls, ofProcess } = await readDocumentedMetrics();
    expect(metricsIn(text).toSorted()).to.deep.equal([...always, ...withTls, ...ofProcess].toSorted());
  });
});
