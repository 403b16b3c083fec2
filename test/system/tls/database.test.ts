import { expect } from 'chai';
import { CertificateAuthority, type Identity, validFor } from '../../../tools/certificates/certificate_authority';
import { App } from '../../support/app';
import { storedRow } from '../../support/generated_bets';
import { EXPIRED, LotteryCertificates } from '../../support/lottery_certificates';
import { LotterySandbox } from '../../support/lottery_sandbox';
import { ownPostgres, type PostgresServer } from '../../support/postgres_server';

const PASSWORD = 'Pa55-w0rd';
const ROLE = 'agent';

/** Less than the 30 s for which a server waits for a database that it cannot reach. */
const AT_ONCE_MS = 20_000;

describe('the connection of a server to its database with sslmode=verify-full', function () {
  this.timeout(60_000);
  let postgres: PostgresServer;
  let authority: CertificateAuthority;
  let sandbox: LotterySandbox;
  let database: string;

  const issue = (names: readonly string[], validity = validFor(10)): Promise<Identity> =>
    authority.issue(
      { name: 'database', names: names.map((value) => ({ type: 'dns', value })), role: 'server' },
      validity,
    );

  async function useCertificate({ certificate, key }: Identity): Promise<void> {
    await postgres.writeFile('server.crt', certificate);
    await postgres.writeFile('server.key', key);
    await restart({ ssl: 'on' });
  }

  async function restart(parameters: Record<string, string>): Promise<void> {
    await postgres.kill('SIGQUIT');
    await postgres.launch(parameters);
  }

  before(async function () {
    authority = await CertificateAuthority.create('database CA', validFor(10));
    postgres = await ownPostgres(this, {
      tcp: true,
      authentication: 'scram-sha-256',
      parameters: { ssl_cert_file: 'server.crt', ssl_key_file: 'server.key' },
    });
    await postgres.run(`CREATE ROLE ${ROLE} LOGIN PASSWORD '${PASSWORD}'`);
    await useCertificate(await issue(['localhost']));
  });

  after(async () => {
    await postgres?.stop();
  });

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    await sandbox.write('database_ca.pem', authority.certificate);
    database = await postgres.createDatabase();
    await postgres.run(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${ROLE}`, database);
  });

  afterEach(async () => {
    await sandbox?.dispose();
  });

  const settings = ({ host = 'localhost', ca = 'database_ca.pem', mode = 'verify-full' } = {}) => ({
    SERVER_STORE: 'postgres',
    SERVER_DATABASE_URL:
      `postgresql://${ROLE}:${PASSWORD}@${host}:${postgres.port}/${database}` +
      `?sslmode=${mode}&sslrootcert=${sandbox.path(ca)}`,
  });

  /** The warnings and errors of a server that ends at once, without their times. None of its output has the password. */
  async function failedStart(env: Record<string, string>): Promise<{ code: number | null; lines: string[] }> {
    const app = sandbox.launchServer(env);
    const { code } = await app.end(AT_ONCE_MS);
    expect(`${app.stdout}${app.stderr}`).not.to.include(PASSWORD);
    const logged = app.grep(/ (WARNING|ERROR|CRITICAL) /).map((line) => line.replace(/^\S+ \S+ /, ''));
    return { code, lines: [...logged, ...app.stderr.split('\n').filter((line) => line !== '')] };
  }

  /** The one line about a database that cannot be used, before that of the end. */
  const noConnection = (reason: string, host = 'localhost') => ({
    code: 1,
    lines: [
      `ERROR    action: open_store | result: fail | database: ${host}:${postgres.port}/${database} | ` +
        `error: no connection to the database ${database}: ${host}:${postgres.port}: ${reason}`,
      'ERROR    action: exit | result: fail | code: 1',
    ],
  });

  const unusableSetting = (fault: string) => ({
    code: 2,
    lines: [`lottery-server: SERVER_DATABASE_URL has an sslrootcert ${fault}`],
  });

  it('stores the bets of agencies, all of it encrypted', async () => {
    const certificates = await LotteryCertificates.create(sandbox, 2);
    const files = await sandbox.writeBets(2, 1_000);
    const env = { SERVER_AGENCIES: '2', ...settings(), ...certificates.server };
    const { app: server, port } = await sandbox.startServer(env);
    const clients = Array.from(files.keys(), (id) => sandbox.startClient(port, id, certificates.client));
    for (const client of clients) expect((await client.end()).code, client.stdout).to.equal(0);
    const expected = Array.from(files, ([agency, bets]) => bets.map((bet) => storedRow(agency, bet)));
    expect(await postgres.storedRows(database)).to.deep.equal(expected.flat());
    const connections = await postgres.run(
      `SELECT DISTINCT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = '${ROLE}'`,
    );
    expect(connections).to.deep.equal([{ ssl: true, version: 'TLSv1.3' }]);
    expect((await server.stop('SIGTERM')).code).to.equal(0);
    expect(`${server.stdout}${server.stderr}`).not.to.include(PASSWORD);
  });

  it('brings the schema of an empty database up to date', async () => {
    database = await postgres.createEmptyDatabase();
    await postgres.run(`GRANT ALL ON SCHEMA public TO ${ROLE}`, database);
    const migrate = new App('migrate', { cwd: sandbox.directory, env: settings() });
    expect((await migrate.end()).code, migrate.stderr).to.equal(0);
    expect(await postgres.run('SELECT count(*)::int AS draws FROM draws', database)).to.deep.equal([{ draws: 0 }]);
  });

  it('refuses a certificate of another authority', async () => {
    const other = await CertificateAuthority.create('other CA', validFor(10));
    await sandbox.write('other_ca.pem', other.certificate);
    const failure = await failedStart(settings({ ca: 'other_ca.pem' }));
    expect(failure).to.deep.equal(noConnection('unable to verify the first certificate'));
  });

  it('refuses a certificate of another host name', async () => {
    const reason = "Hostname/IP does not match certificate's altnames: IP: 127.0.0.1 is not in the cert's list: ";
    const failure = await failedStart(settings({ host: '127.0.0.1' }));
    expect(failure).to.deep.equal(noConnection(reason, '127.0.0.1'));
  });

  it('refuses an expired certificate', async () => {
    await useCertificate(await issue(['localhost'], EXPIRED));
    try {
      expect(await failedStart(settings())).to.deep.equal(noConnection('certificate has expired'));
    } finally {
      await useCertificate(await issue(['localhost']));
    }
  });

  it('refuses a database without TLS, and so does sslmode=require', async () => {
    await restart({});
    try {
      for (const mode of ['verify-full', 'require']) {
        const failure = await failedStart(settings({ mode }));
        expect(failure, mode).to.deep.equal(noConnection('The server does not support SSL connections'));
      }
    } finally {
      await restart({ ssl: 'on' });
    }
  });

  it('refuses a missing file of authorities, and one without a certificate', async () => {
    const missing = await failedStart(settings({ ca: 'missing.pem' }));
    expect(missing).to.deep.equal(unusableSetting('that cannot be read (ENOENT)'));
    await sandbox.write('empty.pem', 'nothing\n');
    const empty = await failedStart(settings({ ca: 'empty.pem' }));
    expect(empty).to.deep.equal(unusableSetting('without a certificate in PEM'));
  });

  it('waits for a database that is not there yet, and refuses its certificate then', async () => {
    await postgres.kill('SIGQUIT');
    const app = sandbox.launchServer(settings({ host: '127.0.0.1' }));
    await app.line(/open_store \| result: in_progress .*ECONNREFUSED/, AT_ONCE_MS);
    await postgres.launch({ ssl: 'on' });
    expect((await app.end(AT_ONCE_MS)).code).to.equal(1);
    expect(app.grep(/open_store \| result: fail .*Hostname\/IP does not match/)).to.have.length(1);
  });
});
