import { expect } from 'chai';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type TLSSocket } from 'node:tls';
import { type Deviation, agencyName, EXPIRED, FUTURE, LotteryCertificates } from '../../support/lottery_certificates';
import { CertificateAuthority, validFor } from '../../../tools/certificates/certificate_authority';
import { storedRowsOf, winnersAmong } from '../../support/generated_bets';
import { LotterySandbox } from '../../support/lottery_sandbox';
import { message } from '../../support/wire_client';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

describe('a lottery by TLS', function () {
  this.timeout(30_000);
  let sandbox: LotterySandbox;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  it('stores every bet once and unchanged, and gives each agency its winners', async () => {
    const certificates = await LotteryCertificates.create(sandbox, 3);
    const files = await sandbox.writeBets(3, 3000);
    const { app: server, port } = await sandbox.startServer({ SERVER_AGENCIES: '3', ...certificates.server });
    const clients = Array.from(files.keys(), (id) =>
      sandbox.startClient(port, id, { CLI_LOG_LEVEL: 'DEBUG', ...certificates.client }),
    );
    for (const client of clients) expect((await client.end()).code, client.stdout).to.equal(0);
    for (const [index, bets] of Array.from(files.values()).entries()) {
      const documents = clients[index]!.grep(/action: ganador /).map((text) => /dni: (\d+)/.exec(text)![1]);
      expect(documents).to.deep.equal(winnersAmong(bets));
    }
    expect(await sandbox.storedRows()).to.deep.equal(storedRowsOf(files));
    expect((await server.stop('SIGTERM')).code).to.equal(0);
    expect(server.grep(/tls_|ERROR|WARNING/)).to.deep.equal([]);
    expect(server.stderr).to.equal('');
  });

  it('takes the bets of the agency in the certificate only, by N and by a first batch', async () => {
    const certificates = await LotteryCertificates.create(sandbox, 9);
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '5', ...certificates.server });
    const two = await certificates.writeAgency('two', 2);
    const connect = () => sandbox.connectTls(port, { cert: two.certificate, key: two.key });

    expect(await (await connect()).ask('N', '3')).to.equal("E wrong-agency: the certificate is agency 2's");
    expect(await (await connect()).ask('N', '99')).to.equal("E wrong-agency: the certificate is agency 2's");
    expect(await (await connect()).ask('N', 'two')).to.match(/^E bad-value/);
    expect(await (await connect()).ask('B', '3,Ana,Paz,1,2000-01-01,7')).to.match(/^E wrong-agency: row 1/);
    const allowed = await connect();
    expect(await allowed.ask('B', '2,Ana,Paz,1,2000-01-01,7')).to.equal('O 1');
    expect(await allowed.ask('B', '3,Ana,Paz,1,2000-01-01,7')).to.match(/^E wrong-agency: row 1/);
    expect(await sandbox.storedRows()).to.deep.equal(['2,Ana,Paz,1,2000-01-01,7']);

    const nine = await certificates.writeAgency('nine', 9);
    const beyond = await sandbox.connectTls(port, { cert: nine.certificate, key: nine.key });
    expect(await beyond.ask('N', '9')).to.equal('E unknown-agency: the agencies are 1 to 5');
  });

  const refused: [title: string, deviation: () => Promise<Deviation>, text: string][] = [
    ['that has expired', async () => ({ validity: EXPIRED }), 'the certificate has expired (CERT_HAS_EXPIRED)'],
    [
      'that is not valid yet',
      async () => ({ validity: FUTURE }),
      'the certificate is not valid yet (CERT_NOT_YET_VALID)',
    ],
    [
      'of another authority',
      async () => ({ authority: await CertificateAuthority.create('other CA', validFor(1)) }),
      'the certificate is of an unknown authority (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
    ],
    [
      'of another authority of the same name',
      async () => ({ authority: await CertificateAuthority.create('test CA', validFor(1)) }),
      'the certificate is of an unknown authority (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
    ],
    ['without an agency', async () => ({ names: [] }), 'the certificate is not of exactly one agency'],
    [
      'of several agencies',
      async () => ({ names: [agencyName(1), agencyName(2)] }),
      'the certificate is not of exactly one agency',
    ],
    ['of any agency', async () => ({ names: [agencyName('*')] }), 'the certificate is not of exactly one agency'],
    ['of agency 0', async () => ({ names: [agencyName(0)] }), 'the certificate is not of exactly one agency'],
    ['of agency 01', async () => ({ names: [agencyName('01')] }), 'the certificate is not of exactly one agency'],
    [
      'with the name of an agency in another field',
      async () => ({ names: [{ type: 'dns' as const, value: 'urn:lottery:agency:1' }] }),
      'the certificate is not of exactly one agency',
    ],
  ];
  for (const [title, deviation, text] of refused) {
    it(`refuses a certificate ${title}, with one line on both sides`, async () => {
      const certificates = await LotteryCertificates.create(sandbox, 1);
      const { app: server, port } = await sandbox.startServer({ SERVER_AGENCIES: '5', ...certificates.server });
      const { certificate, key } = await certificates.writeAgency('agency-1', 1, await deviation());
      const connection = await sandbox.connectTls(port, { cert: certificate, key });
      expect(await connection.ask('N', '1')).to.equal(`E wrong-agency: ${text}`);
      expect(await connection.next()).to.equal('end');
      const line = await server.line(/tls_handshake/);
      expect(line).to.match(/ WARNING {2}action: tls_handshake \| result: fail \| ip: 127\.0\.0\.1 \| error: /);
      expect(line.endsWith(text), line).to.equal(true);
      expect(server.grep(/accept_connections/)).to.deep.equal([]);
    });
  }

  it('refuses a client without a certificate', async () => {
    const certificates = await LotteryCertificates.create(sandbox, 1);
    const { port } = await sandbox.startServer(certificates.server);
    const connection = await sandbox.connectTls(port, {});
    expect(await connection.ask('N', '1')).to.equal('E wrong-agency: the agency has no certificate');
  });

  it('refuses a revoked certificate, which is final for the agency', async () => {
    const certificates = await LotteryCertificates.create(sandbox, 1);
    await certificates.revoke([await certificates.writeAgency('agency-1', 1)]);
    await sandbox.writeBets(1, 10);
    const { port } = await sandbox.startServer(certificates.server);
    const client = sandbox.startClient(port, 1, certificates.client);
    expect((await client.end()).code).to.equal(1);
    expect(client.grep(/fail/).map((line) => line.slice(20))).to.deep.equal([
      'ERROR    action: consulta_ganadores | result: fail | error: wrong-agency: the certificate is revoked (CERT_REVOKED)',
      'ERROR    action: exit | result: fail | code: 1',
    ]);
    expect(await sandbox.storedRows()).to.deep.equal([]);
  });

  it('refuses TLS 1.2, and resumes no session', async () => {
    const certificates = await LotteryCertificates.create(sandbox, 1);
    const { port } = await sandbox.startServer(certificates.server);
    const { certificate, key } = await certificates.writeAgency('agency-1', 1);
    let failure: unknown;
    await sandbox
      .connectTls(port, { cert: certificate, key, maxVersion: 'TLSv1.2' })
      .catch((error: unknown) => (failure = error));
    expect((failure as { code: string }).code).to.equal('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    const connection = await sandbox.connectTls(port, { cert: certificate, key });
    const sessions: Buffer[] = [];
    connection.socket.on('session', (session: Buffer) => sessions.push(session));
    expect(await connection.ask('N', '1')).to.equal('O 0');
    for (const session of sessions) {
      const again = await sandbox.connectTls(port, { cert: certificate, key, session });
      expect((again.socket as TLSSocket).isSessionReused()).to.equal(false);
      expect(await again.ask('N', '1')).to.equal('O 0');
    }
  });

  (hasOpenssl ? it : it.skip)('serves openssl s_client, a foreign agency', async () => {
    const certificates = await LotteryCertificates.create(sandbox, 1);
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1', ...certificates.server });
    const [ca, cert, key] = ['ca.pem', 'agency-1.pem', 'agency-1.key.pem'].map((name) => sandbox.path(name));
    const options = ['-CAfile', ca!, '-cert', cert!, '-key', key!, '-verify_return_error', '-verify_ip', '127.0.0.1'];
    const agency = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-quiet', ...options]);
    const received: Buffer[] = [];
    agency.stdout.on('data', (chunk: Buffer) => received.push(chunk));
    agency.stderr.resume();
    agency.stdin.write(
      Buffer.concat([message('N', '1'), message('B', '1,Ana,Paz,1,2000-01-01,7574'), message('F', '1')]),
    );
    agency.stdin.write(Buffer.concat([message('A'), message('N', '1')]));
    const expected = [
      ['O', '0'],
      ['O', '1'],
      ['O', '1'],
      ['R', ''],
      ['R', '1'],
      ['O', '1'],
    ] as const;
    const bytes = Buffer.concat(expected.map(([type, value]) => message(type, value)));
    while (Buffer.concat(received).length < bytes.length) await once(agency.stdout, 'data');
    expect(Buffer.concat(received)).to.deep.equal(bytes);
    agency.kill('SIGKILL');
    expect(await sandbox.storedRows()).to.deep.equal(['1,Ana,Paz,1,2000-01-01,7574']);
  });
});
