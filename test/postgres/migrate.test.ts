import { expect } from 'chai';
import { SCHEMA_VERSION } from '../../apps/server/storage/postgres/schema';
import { App } from '../support/app';
import { LotterySandbox } from '../support/lottery_sandbox';
import { type PostgresServer, sharedPostgres } from '../support/postgres_server';
import { PASSWORD } from './support/failures';

describe('make migrate', function () {
  this.timeout(20_000);
  let server: PostgresServer;
  let sandbox: LotterySandbox;

  beforeEach(async function () {
    server = await sharedPostgres(this);
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    await sandbox?.dispose();
  });

  /** Runs the program to its end; neither its log nor its errors contain the password. */
  async function migrate(env: Record<string, string>, args: string[] = []): Promise<{ code: number | null; app: App }> {
    const app = new App('migrate', { cwd: sandbox.directory, env: { LOGGING_LEVEL: 'DEBUG', ...env }, args });
    const { code } = await app.end();
    expect(app.stdout + app.stderr).not.to.include(PASSWORD);
    return { code, app };
  }

  it('makes the schema, and logs the versions before and after', async () => {
    const name = await server.createEmptyDatabase();
    const SERVER_DATABASE_URL = server.url(name, `lottery:${PASSWORD}`);
    for (const before of [0, SCHEMA_VERSION]) {
      const { code, app } = await migrate({ SERVER_DATABASE_URL });
      expect(code, app.stdout + app.stderr).to.equal(0);
      const address = `${server.directory}:${server.port}/${name}`;
      expect(app.lines.at(-2)).to.match(/ INFO +action: migrate \| result: success \|/);
      expect(
        app.lines.at(-2)!.endsWith(`| database: ${address} | version_before: ${before} | version: ${SCHEMA_VERSION}`),
      ).to.equal(true, app.lines.at(-2));
      expect(app.lines.at(-1)).to.match(/action: exit \| result: success$/);
      expect(app.stderr).to.equal('');
    }
    const versions = await server.run('SELECT version::int FROM schemaversion ORDER BY version', name);
    expect(versions.map(({ version }) => version)).to.deep.equal(
      Array.from({ length: SCHEMA_VERSION + 1 }, (_, version) => version),
    );
  });

  it('ends with 2 and one line on an unknown schema, without a URL, and with an invalid one', async () => {
    const name = await server.createDatabase();
    await server.run('INSERT INTO schemaversion (version) VALUES (1000)', name);
    const refused: [env: Record<string, string>, message: RegExp][] = [
      [{ SERVER_DATABASE_URL: server.url(name, `lottery:${PASSWORD}`) }, /has version 1000, .*: run a newer release$/],
      [{}, /SERVER_DATABASE_URL is not set: it names the PostgreSQL database$/],
      [{ SERVER_DATABASE_URL: `mysql://me:${PASSWORD}@db/x` }, /SERVER_DATABASE_URL must begin with postgresql:\/\/$/],
      [
        { SERVER_DATABASE_URL: 'postgresql://db/x', SERVER_DATABASE_PASSWORD_FILE: 'none' },
        /SERVER_DATABASE_PASSWORD_FILE cannot be read: ENOENT/,
      ],
    ];
    for (const [env, message] of refused) {
      const { code, app } = await migrate(env);
      expect(code, app.stdout + app.stderr).to.equal(2);
      expect(app.stderr).to.match(/^lottery-migrate: [^\n]+\n$/);
      expect(app.stderr.trimEnd()).to.match(message);
    }
  });

  it('ends with 1 if the database refuses it', async () => {
    const SERVER_DATABASE_URL = server.url('no_such_database', `lottery:${PASSWORD}`);
    const { code, app } = await migrate({ SERVER_DATABASE_URL });
    expect(code).to.equal(1);
    expect(
      app.grep(/ERROR +action: migrate \| result: fail \| database: .* \| error: .*does not exist \(3D000\)$/),
    ).to.have.length(1);
    expect(app.stderr).to.equal('');
  });

  it('prints its usage with --help, and accepts no other argument', async () => {
    const help = await migrate({}, ['--help']);
    expect(help.code).to.equal(0);
    expect(help.app.stdout)
      .to.match(/^lottery-migrate: brings the schema of the database/)
      .and.match(/SERVER_DATABASE_URL +the PostgreSQL database/);
    const { code, app } = await migrate({}, ['2']);
    expect(code).to.equal(2);
    expect(app.stderr).to.match(/^lottery-migrate: [^\n]+\n$/);
  });
});
