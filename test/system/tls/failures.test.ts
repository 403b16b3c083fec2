import { expect } from 'chai';
import { connect } from 'node:net';
import { type App } from '../../support/app';
import { type Deviation, EXPIRED, FUTURE, LotteryCertificates } from '../../support/lottery_certificates';
import { CertificateAuthority, validFor } from '../../../tools/certificates/certificate_authority';
import { storedRowsOf } from '../../support/generated_bets';
import { LotterySandbox } from '../../support/lottery_sandbox';

describe('a lottery by TLS whose handshakes fail', function () {
  this.timeout(30_000);
  let sandbox: LotterySandbox;
  let certificates: LotteryCertificates;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    certificates = await LotteryCertificates.create(sandbox, 1);
    await sandbox.writeBets(1, 10);
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  /** The error of an agency that ends with exit code 1 after its first attempt. */
  async function finalError(client: App): Promise<string> {
    expect((await client.end()).code, client.stdout).to.equal(1);
    expect(client.grep(/action: connect /)).to.deep.equal([]);
    const lines = client.grep(/consulta_ganadores \| result: fail/);
    expect(lines, client.stdout).to.have.length(1);
    return lines[0]!.replace(/^.* error: /, '').replaceAll(/:\d{4,5}/g, ':PORT');
  }

  const servers: [title: string, deviation: () => Promise<Deviation>, text: string][] = [
    [
      'has expired',
      async () => ({ validity: EXPIRED }),
      'the certificate of the server has expired (CERT_HAS_EXPIRED)',
    ],
    [
      'is not valid yet',
      async () => ({ validity: FUTURE }),
      'the certificate of the server is not valid yet (CERT_NOT_YET_VALID)',
    ],
    [
      'is of another authority',
      async () => ({ authority: await CertificateAuthority.create('other CA', validFor(1)) }),
      'the certificate of the server is of an unknown authority (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
    ],
    [
      'has another name',
      async () => ({ names: [{ type: 'dns' as const, value: 'elsewhere' }] }),
      "the certificate of the server is for another name (ERR_TLS_CERT_ALTNAME_INVALID: IP: 127.0.0.1 is not in the cert's list:)",
    ],
  ];
  for (const [title, deviation, text] of servers) {
    it(`is final for an agency if the certificate of the server ${title}`, async () => {
      await certificates.writeServer(await deviation());
      const { port } = await sandbox.startServer(certificates.server);
      const error = await finalError(sandbox.startClient(port, 1, certificates.client));
      expect(error).to.equal(`connect to 127.0.0.1:PORT: the TLS handshake failed: ${text}`);
      expect(await sandbox.storedRows()).to.deep.equal([]);
    });
  }

  it('is final for an agency by TLS if the server speaks plain TCP', async () => {
    const { port } = await sandbox.startServer();
    const error = await finalError(sandbox.startClient(port, 1, certificates.client));
    expect(error).to.match(/^connect to 127\.0\.0\.1:PORT: the TLS handshake failed: the server does not speak TLS/);
  });

  it('has one line on a server with TLS if an agency speaks plain TCP, however often it comes', async () => {
    const { app: server, port } = await sandbox.startServer(certificates.server);
    const client = sandbox.startClient(port, 1, { CLI_RETRY_LIMIT_MS: '300' });
    expect((await client.end()).code, client.stdout).to.equal(1);
    expect(client.grep(/action: connect /)).not.to.have.length(0);
    expect(server.grep(/tls_handshake/)).to.have.length(1);
    expect(server.grep(/tls_handshake/)[0]).to.match(/the client does not speak TLS/);
    expect(server.grep(/accept_connections/)).to.deep.equal([]);
  });

  it('compares the name of CLI_TLS_SERVER_NAME with the certificate', async () => {
    await certificates.writeServer({ names: [{ type: 'dns', value: 'lottery.example' }] });
    const files = await sandbox.writeBets(1, 50);
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1', ...certificates.server });
    const other = { ...certificates.client, CLI_TLS_SERVER_NAME: 'other.example' };
    expect(await finalError(sandbox.startClient(port, 1, other))).to.match(/is for another name .*other\.example/);
    const right = { ...certificates.client, CLI_TLS_SERVER_NAME: 'lottery.example' };
    expect((await sandbox.startClient(port, 1, right).end()).code).to.equal(0);
    expect(await sandbox.storedRows()).to.deep.equal(storedRowsOf(files));
  });

  it('goes on to another server if the certificate of one is refused', async () => {
    const files = await sandbox.writeBets(1, 50);
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1', ...certificates.server });
    await certificates.writeServer({ validity: EXPIRED });
    const { port: expired } = await sandbox.startServer({
      ...certificates.server,
      SERVER_DATA_DIR: sandbox.path('other'),
    });
    const addresses = `127.0.0.1:${expired},127.0.0.1:${port}`;
    const client = sandbox.startClient(port, 1, { ...certificates.client, CLI_SERVER_ADDRESS: addresses });
    expect((await client.end()).code, client.stdout).to.equal(0);
    expect(client.grep(/action: connect .*has expired/)).to.have.length(1);
    expect(await sandbox.storedRows()).to.deep.equal(storedRowsOf(files));
  });

  it('ends silent handshakes in time, without a session, and has one line for all of an address', async () => {
    const settings = { SERVER_MESSAGE_TIMEOUT_MS: '300', SERVER_MAX_SESSIONS: '8', SERVER_AGENCIES: '1' };
    const { app: server, port } = await sandbox.startServer({ ...settings, ...certificates.server });
    const closed = Array.from({ length: 12 }, async () => {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      return new Promise((resolve) => socket.once('close', resolve));
    });
    const files = await sandbox.writeBets(1, 50);
    const client = sandbox.startClient(port, 1, certificates.client);
    await Promise.all(closed);
    expect((await client.end()).code, client.stdout).to.equal(0);
    expect(await sandbox.storedRows()).to.deep.equal(storedRowsOf(files));
    expect((await server.stop('SIGTERM')).code).to.equal(0);
    expect(server.grep(/accept_connections \| result: success/)).to.have.length(1);
    const lines = server.grep(/tls_handshake/).map((line) => line.replace(/^.*ip: /, ''));
    expect(lines[0]).to.match(/^127\.0\.0\.1 \| error: .* was not done within 300 ms$/);
    expect(lines.slice(1).join()).to.match(/^127\.0\.0\.1 \| failures: \d+ \| error: .* was not done within 300 ms$/);
  });

  /** Expects exit code 2, and a single line on stderr for the operator. */
  async function expectUnusable(app: App, message: RegExp): Promise<void> {
    expect((await app.end()).code, app.stdout + app.stderr).to.equal(2);
    expect(app.stderr).to.match(/^[^\n]+\n$/);
    expect(app.stderr).to.match(message);
  }

  const unusable: ['server' | 'client', Record<string, string>, RegExp][] = [
    ['server', { SERVER_TLS: 'on' }, /SERVER_TLS is on, and needs SERVER_TLS_CERT_FILE/],
    ['server', { SERVER_TLS: 'yes' }, /SERVER_TLS must be on or off, but is "yes"/],
    ['server', { SERVER_TLS_CERT_FILE: 'nowhere' }, /SERVER_TLS_CERT_FILE nowhere cannot be read: ENOENT/],
    [
      'server',
      { SERVER_TLS_CERT_FILE: 'agency-1.csv' },
      /SERVER_TLS_CERT_FILE agency-1\.csv has no certificate in PEM/,
    ],
    ['server', { SERVER_TLS_KEY_FILE: 'server.pem' }, /SERVER_TLS_KEY_FILE server\.pem is no private key/],
    [
      'server',
      { SERVER_TLS_KEY_FILE: 'agency-1.key.pem' },
      /_KEY_FILE agency-1\.key\.pem is not the key of SERVER_TLS_CERT/,
    ],
    [
      'server',
      { SERVER_TLS_CLIENT_CA_FILE: 'crl.pem' },
      /SERVER_TLS_CLIENT_CA_FILE crl\.pem has no certificate in PEM/,
    ],
    ['server', { SERVER_TLS_CRL_FILE: 'ca.pem' }, /SERVER_TLS_CRL_FILE ca\.pem has no revocation list in PEM/],
    [
      'client',
      { CLI_TLS: 'on', CLI_TLS_KEY_FILE: 'server.key.pem' },
      /CLI_TLS_KEY_FILE server\.key\.pem is not the key of/,
    ],
    ['client', { CLI_TLS_CA_FILE: 'gone-{id}' }, /CLI_TLS_CA_FILE gone-1 cannot be read/],
    ['client', { CLI_TLS_CERT_FILE: 'expired.pem' }, /CLI_TLS_CERT_FILE expired\.pem has expired: 20/],
    ['client', { CLI_TLS_CERT_FILE: 'future.pem' }, /CLI_TLS_CERT_FILE future\.pem is not valid yet: 20/],
    ['client', { CLI_TLS_SERVER_NAME: '127.0.0.1' }, /CLI_TLS_SERVER_NAME must be a host name, but is "127\.0\.0\.1"/],
  ];
  for (const [program, settings, text] of unusable) {
    it(`${program}: ${JSON.stringify(settings)} is one clear line and exit code 2`, async () => {
      await certificates.writeAgency('expired', 1, { validity: EXPIRED });
      await certificates.writeAgency('future', 1, { validity: FUTURE });
      const name = settings['CLI_TLS_CERT_FILE']?.replace('.pem', '');
      const key: Record<string, string> = name === undefined ? {} : { CLI_TLS_KEY_FILE: `${name}.key.pem` };
      const base = settings['SERVER_TLS'] === 'on' ? {} : certificates[program];
      const env = { ...base, ...settings, ...key };
      await expectUnusable(program === 'server' ? sandbox.launchServer(env) : sandbox.startClient(1, 1, env), text);
    });
  }
});
