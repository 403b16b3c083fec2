import { mkdir, readdir, truncate } from 'node:fs/promises';
import { expect } from 'chai';
import { App, type ProgramName } from '../support/app';
import { LotterySandbox } from '../support/lottery_sandbox';
import { type PostgresServer, sharedPostgres } from '../support/postgres_server';

type Settings = Readonly<Record<string, string>>;

const COMMANDS = [
  ['newDraw', 'lottery-new-draw'],
  ['exportStore', 'lottery-export-store'],
  ['importStore', 'lottery-import-store'],
] as const;

const BET = '1,Ana,Paz,30904465,1999-03-17,7574';

describe('a command beside the server', function () {
  this.timeout(30_000);
  let sandbox: LotterySandbox;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  /** Expects a refusal: nothing on stdout, the exit code, and one line on stderr. */
  const expectRefusal = async (
    program: ProgramName,
    { env, args = [], code, reason }: { env: Settings; args?: readonly string[]; code: number; reason: RegExp },
  ): Promise<void> => {
    const app = new App(program, { cwd: sandbox.directory, env, args });
    const end = await app.end();
    expect([end.code, app.stdout], app.stderr).to.deep.equal([code, '']);
    expect(app.stderr).to.match(/^lottery-[a-z-]+: [^\n]+\n$/);
    expect(app.stderr).to.match(reason);
    expect(app.stderr).not.to.include('secret');
  };

  /** Starts a server on files, stores a bet, and leaves the server running. */
  const storeBet = async (): Promise<App> => {
    const { app, port } = await sandbox.startServer();
    const agency = await sandbox.connect(port);
    expect(await agency.ask('B', BET)).to.equal('O 1');
    return app;
  };
  const inFiles = (): Settings => ({ SERVER_DATA_DIR: sandbox.path('store') });

  for (const [program, name] of COMMANDS) {
    it(`${name} has a --help, and refuses unknown arguments`, async () => {
      const app = new App(program, { cwd: sandbox.directory, args: ['--help'] });
      expect((await app.end()).code).to.equal(0);
      expect(app.stderr).to.equal('');
      expect(app.lines[0]).to.match(new RegExp(`^${name}: [a-z].+\\.$`));
      expect(app.grep(/^ {2}SERVER_DATABASE_URL +the /)).to.have.length(1);
      expect(app.lines.at(-1)).to.match(/^Exit codes: 0 .+; 1 .+; 2 .+\.$/);
      await expectRefusal(program, { env: {}, args: ['--what'], code: 2, reason: /Unknown option '--what'/ });
      await expectRefusal(program, { env: {}, args: ['what'], code: 2, reason: /Unexpected argument 'what'/ });
    });

    it(`${name} refuses a setting that cannot be used`, async () => {
      const env = { SERVER_STORE: 'postgres' };
      await expectRefusal(program, { env: { ...env, SERVER_AGENCIES: 'x' }, code: 2, reason: /SERVER_AGENCIES must/ });
      await expectRefusal(program, { env, code: 2, reason: /SERVER_DATABASE_URL is not set/ });
      const SERVER_DATABASE_URL = 'mysql://user:secret@localhost/lottery';
      await expectRefusal(program, {
        env: { ...env, SERVER_DATABASE_URL },
        code: 2,
        reason: /SERVER_DATABASE_URL must/,
      });
    });

    it(`${name} fails if the database cannot be reached`, async () => {
      const SERVER_DATABASE_URL = 'postgresql://user:secret@127.0.0.1:1/lottery';
      const env = { SERVER_STORE: 'postgres', SERVER_DATABASE_URL };
      await expectRefusal(program, { env, code: 1, reason: /no connection to the database lottery: 127\.0\.0\.1:1: / });
    });
  }

  it('lottery-export-store refuses a draw that is none, and a directory that holds none', async () => {
    const inDatabase = { SERVER_STORE: 'postgres' };
    for (const draw of ['0', '-1', '01', '1.5', 'x', '2147483648']) {
      await expectRefusal('exportStore', {
        env: inDatabase,
        args: [`--draw=${draw}`],
        code: 2,
        reason: /--draw must be/,
      });
    }
    await expectRefusal('exportStore', { env: inFiles(), args: ['--draw=1'], code: 2, reason: /--draw is for/ });
    await expectRefusal('exportStore', {
      env: inFiles(),
      code: 2,
      reason: /SERVER_DATA_DIR \S+store: it holds no bets/,
    });
    expect(await readdir(sandbox.directory)).to.deep.equal([]);
  });

  it('lottery-export-store reads beside a running server, and fails on damaged files', async () => {
    const server = await storeBet();
    const app = new App('exportStore', { cwd: sandbox.directory, env: inFiles() });
    expect([(await app.end()).code, app.stdout, app.stderr]).to.deep.equal([0, `${BET}\n`, '']);
    expect((await server.stop('SIGTERM')).code).to.equal(0);
    await truncate(sandbox.path('store/bets.csv'), 5);
    await expectRefusal('exportStore', { env: inFiles(), code: 1, reason: /SERVER_DATA_DIR \S+store: bets\.\S+ / });
  });

  it('lottery-new-draw fails while a server runs on the files', async () => {
    await storeBet();
    await expectRefusal('newDraw', {
      env: inFiles(),
      code: 1,
      reason: /: \S+store is in use by another server$/m,
    });
  });

  describe('with a PostgreSQL', () => {
    let postgres: PostgresServer;
    let settings: Settings;

    beforeEach(async function () {
      postgres = await sharedPostgres(this);
      const url = postgres.url(await postgres.createDatabase());
      settings = { SERVER_STORE: 'postgres', SERVER_DATABASE_URL: url, ...inFiles() };
    });

    it('refuses a database without a schema', async () => {
      const SERVER_DATABASE_URL = postgres.url(await postgres.createEmptyDatabase());
      for (const [program] of COMMANDS) {
        const env = { ...settings, SERVER_DATABASE_URL };
        await expectRefusal(program, { env, code: 2, reason: /has no schema yet: run make migrate/ });
      }
    });

    it('lottery-export-store fails without such a draw', async () => {
      await expectRefusal('exportStore', { env: settings, code: 1, reason: /no draw is open in \S+: / });
      await expectRefusal('exportStore', { env: settings, args: ['--draw', '7'], code: 1, reason: / has no draw 7$/m });
    });

    it('lottery-import-store refuses a directory that holds no store, and makes none', async () => {
      await expectRefusal('importStore', { env: settings, code: 2, reason: /SERVER_DATA_DIR \S+: it does not exist/ });
      expect(await readdir(sandbox.directory)).to.deep.equal([]);
      await mkdir(sandbox.path('store'));
      await expectRefusal('importStore', { env: settings, code: 2, reason: /SERVER_DATA_DIR \S+: it holds no store/ });
      expect(await readdir(sandbox.path('store'))).to.deep.equal([]);
    });

    it('lottery-import-store fails on the files of a running server, on damaged ones, and on others', async () => {
      const server = await storeBet();
      await expectRefusal('importStore', {
        env: settings,
        code: 1,
        reason: /: \S+store is in use by another server$/m,
      });
      expect((await server.stop('SIGTERM')).code).to.equal(0);
      const database = await sandbox.startServer({ ...settings, SERVER_NAME: 'other' });
      expect((await database.app.stop('SIGTERM')).code).to.equal(0);
      await expectRefusal('importStore', { env: settings, code: 1, reason: /the database \S+ is not empty/ });
      await truncate(sandbox.path('store/bets.csv'), 5);
      await expectRefusal('importStore', { env: settings, code: 1, reason: /SERVER_DATA_DIR \S+: bets\.\S+ / });
    });

    it('lottery-import-store refuses files with bets of more agencies than the settings have', async () => {
      const { app, port } = await sandbox.startServer({ SERVER_AGENCIES: '2' });
      const agency = await sandbox.connect(port);
      expect(await agency.ask('B', BET.replace(/^1/, '2'))).to.equal('O 1');
      expect((await app.stop('SIGTERM')).code).to.equal(0);
      const env = { ...settings, SERVER_AGENCIES: '1' };
      await expectRefusal('importStore', {
        env,
        code: 2,
        reason: /SERVER_DATA_DIR \S+: the store holds bets of agency 2/,
      });
    });
  });
});
