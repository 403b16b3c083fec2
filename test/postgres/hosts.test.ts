import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '../../apps/server/storage/postgres/database/database';
import { databaseTargetOf } from '../../apps/server/storage/postgres/database/database_target';
import { findFreePort } from '../../tools/free_port';
import { eventually } from '../support/eventually';
import { openDatabase, ownPostgres, type PostgresServer, sharedPostgres } from '../support/postgres_server';
import { tlsIdentity } from '../support/tls_identity';
import { failureOf, PASSWORD } from './support/failures';

const UNAVAILABLE = 'DATABASE_UNAVAILABLE';

describe('the servers of a database', function () {
  this.timeout(60_000);
  let server: PostgresServer;
  let other: PostgresServer;
  let name: string;
  let databases: Database[];

  before(async function () {
    server = await sharedPostgres(this);
    other = await ownPostgres(this, {
      tcp: true,
      authentication: 'scram-sha-256',
      parameters: { ssl_cert_file: 'server.crt', ssl_key_file: 'server.key' },
    });
    name = await server.createEmptyDatabase();
    await other.run(`CREATE DATABASE ${name}`);
    await other.run(`CREATE ROLE agent LOGIN PASSWORD '${PASSWORD}'`);
  });

  after(async () => {
    await other?.stop();
  });

  beforeEach(() => {
    databases = [];
  });

  afterEach(async () => {
    await Promise.all(databases.map((database) => database.close()));
  });

  function open(url: string, waitMs = 0): Database {
    const database = openDatabase(url, { connections: 1, waitMs });
    databases.push(database);
    return database;
  }

  const socketOf = ({ directory, port }: PostgresServer) => `${encodeURIComponent(directory)}:${port}`;
  const urlOf = (hosts: string[], query = '', user = 'lottery') =>
    `postgresql://${user}:${PASSWORD}@${hosts.join(',')}/${name}${query}`;
  const directoryOf = async (database: Database) =>
    (await database.query<{ unix_socket_directories: string }>('SHOW unix_socket_directories'))[0]!
      .unix_socket_directories;

  it('are tried in their order', async () => {
    expect(await directoryOf(open(urlOf([socketOf(server), socketOf(other)])))).to.equal(server.directory);
    expect(await directoryOf(open(urlOf([socketOf(other), socketOf(server)])))).to.equal(other.directory);
  });

  it('are skipped if they are dead, or no hosts at all', async () => {
    const dead = [`127.0.0.1:${await findFreePort()}`, '%2Fnowhere', 'host.invalid', socketOf(server)];
    expect(await directoryOf(open(urlOf(dead)))).to.equal(server.directory);
  });

  it('are skipped if they accept no writes, except with target_session_attrs=any', async () => {
    await other.run(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    try {
      const hosts = [socketOf(other), socketOf(server)];
      expect(await directoryOf(open(urlOf(hosts)))).to.equal(server.directory);
      expect(await directoryOf(open(urlOf(hosts, '?target_session_attrs=primary')))).to.equal(server.directory);
      expect(await directoryOf(open(urlOf(hosts, '?target_session_attrs=any')))).to.equal(other.directory);
      const error = await failureOf(open(urlOf([socketOf(other)])).query('SELECT 1'), UNAVAILABLE);
      expect(error.message).to.equal(
        `no connection to the database ${name}: ${other.directory}:${other.port}: ` +
          'it accepts no writes (a standby, or read-only)',
      );
    } finally {
      await other.run(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
    }
  });

  it('lose their connections when they are no longer the primary', async () => {
    const database = open(urlOf([socketOf(server)]));
    const demoted = database.transaction(async (tx) => {
      await tx.query('SET TRANSACTION READ ONLY');
      await tx.query('CREATE TABLE nothing ()');
    });
    const error = await failureOf(demoted, UNAVAILABLE);
    expect(error.message).to.match(/cannot execute CREATE TABLE in a read-only transaction \(25006\)$/);
    await database.query('SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY');
    await failureOf(database.write('CREATE TABLE nothing ()'), UNAVAILABLE);
    expect(database.counters).to.include({ opened: 2, lost: 2, unknownOutcomes: 0 });
  });

  it('cost the time limit of a connection, once, if they are silent', async () => {
    const silent = await listen(() => {});
    try {
      const database = open(urlOf([silent.host, socketOf(server)], '?connect_timeout=1'));
      const begun = performance.now();
      expect(await directoryOf(database)).to.equal(server.directory);
      expect(performance.now() - begun).to.be.within(900, 8_000);
    } finally {
      await silent.close();
    }
  });

  it('are replaced by the next one when they end, and the last good one is tried first', async () => {
    const database = open(urlOf([socketOf(other), socketOf(server)]), 5_000);
    expect(await directoryOf(database)).to.equal(other.directory);
    await other.kill('SIGKILL');
    await eventually('the loss is noticed', async () => database.openConnections === 0, 5_000);
    const next = await directoryOf(database);
    await other.launch();
    expect(next).to.equal(server.directory);
    expect(database.counters.failovers).to.equal(1);
    await server.run(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '${name}' AND pid <> pg_backend_pid()`,
    );
    await eventually('the loss is noticed', async () => database.openConnections === 0, 5_000);
    expect(await directoryOf(database)).to.equal(server.directory);
    expect(database.counters.failovers).to.equal(1);
  });

  it('are named with their reasons if none can be reached within the wait', async () => {
    const port = await findFreePort();
    const begun = performance.now();
    const database = open(urlOf([`127.0.0.1:${port}`, '%2Fnowhere']), 700);
    const error = await failureOf(database.query('SELECT 1'), UNAVAILABLE);
    expect(performance.now() - begun).to.be.within(400, 6_000);
    expect(error.message).to.equal(
      `no connection to the database ${name}: 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}; ` +
        '/nowhere:5432: connect ENOENT /nowhere/.s.PGSQL.5432',
    );
  });

  describe('with a password', () => {
    let directory: string;
    let file: string;

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'password-'));
      file = join(directory, 'password');
    });

    after(async () => {
      await rm(directory, { recursive: true });
    });

    function openAs(user: string, passwordFile?: string): Database {
      const target = databaseTargetOf({
        SERVER_DATABASE_URL: `postgresql://${user}@127.0.0.1:${other.port}/${name}`,
        SERVER_DATABASE_PASSWORD_FILE: passwordFile,
      });
      const database = new Database(target, { connections: 1, waitMs: 5_000 });
      databases.push(database);
      return database;
    }

    const whoAmI = (database: Database) => database.query('SELECT current_user AS who');

    it('accept that of the URL, of its file, and of PGPASSFILE', async () => {
      await writeFile(file, `${PASSWORD}\n`);
      expect(await whoAmI(openAs(`agent:${PASSWORD}`))).to.deep.equal([{ who: 'agent' }]);
      expect(await whoAmI(openAs('agent', file))).to.deep.equal([{ who: 'agent' }]);
      const { PGPASSFILE } = process.env;
      process.env['PGPASSFILE'] = join(directory, 'pgpass');
      await writeFile(process.env['PGPASSFILE'], `127.0.0.1:${other.port}:*:agent:${PASSWORD}\n`, { mode: 0o600 });
      try {
        expect(await whoAmI(openAs('agent'))).to.deep.equal([{ who: 'agent' }]);
        await failureOf(whoAmI(openAs('stranger')), 'UNUSABLE_SETTINGS');
      } finally {
        if (PGPASSFILE === undefined) delete process.env['PGPASSFILE'];
        else process.env['PGPASSFILE'] = PGPASSFILE;
      }
    });

    it('refuse a wrong one at once, with an error that does not quote it', async () => {
      const begun = performance.now();
      const error = await failureOf(whoAmI(openAs(`agent:${PASSWORD}x`)), UNAVAILABLE);
      expect(error.message).to.equal(
        `no connection to the database ${name}: 127.0.0.1:${other.port}: ` +
          'password authentication failed for user "agent" (28P01)',
      );
      expect(error.name).to.equal('DatabaseRefusedError');
      expect(performance.now() - begun).to.be.below(4_000);
    });

    it('refuse a database that does not exist at once', async () => {
      const error = await failureOf(open(server.url('nothing'), 5_000).query('SELECT 1'), UNAVAILABLE);
      expect(error.message).to.match(/database "nothing" does not exist \(3D000\)$/);
      expect(error.name).to.equal('DatabaseRefusedError');
    });
  });

  describe('by TLS', () => {
    let directory: string;
    let ca: string;

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'ca-'));
      ca = join(directory, 'ca.pem');
      await writeFile(ca, tlsIdentity.cert);
      await other.writeFile('server.crt', tlsIdentity.cert);
      await other.writeFile('server.key', tlsIdentity.key);
      await other.kill('SIGQUIT');
      await other.launch({ ssl: 'on' });
    });

    after(async () => {
      await rm(directory, { recursive: true });
      await other.kill('SIGQUIT');
      await other.launch();
    });

    const isEncrypted = async (host: string, query: string) => {
      const database = open(urlOf([`${host}:${other.port}`], query, 'agent'));
      const text = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
      return (await database.query<{ ssl: boolean }>(text))[0]!.ssl;
    };

    it('are encrypted if the server has TLS, or according to sslmode', async () => {
      expect(await isEncrypted('127.0.0.1', '')).to.equal(true);
      expect(await isEncrypted('127.0.0.1', '?sslmode=require')).to.equal(true);
      expect(await isEncrypted('127.0.0.1', '?sslmode=disable')).to.equal(false);
      expect(await isEncrypted('localhost', `?sslmode=verify-full&sslrootcert=${ca}`)).to.equal(true);
      expect(await isEncrypted('localhost', `?sslmode=verify-ca&sslrootcert=${ca}`)).to.equal(true);
    });

    it('must have a certificate of the authorities if it is checked', async () => {
      const error = await failureOf(isEncrypted('localhost', '?sslmode=verify-full'), UNAVAILABLE);
      expect(error.message).to.match(/self-signed certificate/);
    });

    it('are not encrypted without TLS on the server, and fail if encryption is required', async () => {
      await other.kill('SIGQUIT');
      await other.launch();
      expect(await isEncrypted('127.0.0.1', '')).to.equal(false);
      const error = await failureOf(isEncrypted('127.0.0.1', '?sslmode=require'), UNAVAILABLE);
      expect(error.message).to.match(/The server does not support SSL connections$/);
    });
  });
});

/** A TCP listener. `close` also ends its connections. */
async function listen(onConnection: (socket: Socket) => void): Promise<{ host: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
