import { expect } from 'chai';
import { App } from '../support/app';
import { eventually } from '../support/eventually';
import { storedRow, winnersAmong } from '../support/generated_bets';
import { WON } from '../support/log_lines';
import { LotterySandbox } from '../support/lottery_sandbox';
import { type PostgresServer, sharedPostgres } from '../support/postgres_server';

describe('a new draw in PostgreSQL, by the program', function () {
  this.timeout(30_000);
  let sandbox: LotterySandbox;
  let postgres: PostgresServer;
  let database: string;
  let settings: Readonly<Record<string, string>>;

  beforeEach(async function () {
    postgres = await sharedPostgres(this);
    database = await postgres.createDatabase();
    settings = { SERVER_STORE: 'postgres', SERVER_DATABASE_URL: postgres.url(database), SERVER_AGENCIES: '1' };
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    await sandbox?.dispose();
  });

  const newDraw = async (): Promise<{ code: number | null; stdout: string; stderr: string }> => {
    const app = new App('newDraw', { cwd: sandbox.directory, env: settings });
    const { code } = await app.end();
    return { code, stdout: app.stdout, stderr: app.stderr };
  };

  it('is refused with one line while a server lives; after the stop the next server begins another draw', async () => {
    const bets = (await sandbox.writeBets(1, 2000)).get(1)!;
    const first = await sandbox.startServer({ ...settings, SERVER_NAME: 'first' });
    expect((await sandbox.startClient(first.port, 1).end()).code).to.equal(0);
    const refused = await newDraw();
    expect(refused.stderr).to.match(
      /^lottery-new-draw: \S+ is in use by first \(seen within the last 5 s\): [^\n]+\n$/,
    );
    expect([refused.code, refused.stdout]).to.deep.equal([1, '']);

    expect((await first.app.stop('SIGTERM')).code).to.equal(0);
    const done = await newDraw();
    expect(done.stdout).to.match(
      /^draw 1 of \S+ is put aside \(held, 1 of 1 agencies finished, 2000 bets\); the next server begins a new draw\n$/,
    );
    expect([done.code, done.stderr]).to.deep.equal([0, '']);
    const again = await newDraw();
    expect(again.stdout).to.match(/^no draw is open in \S+: the next server begins one\n$/);
    expect([again.code, again.stderr]).to.deep.equal([0, '']);

    const second = await sandbox.startServer({ ...settings, SERVER_NAME: 'second' });
    const client = sandbox.startClient(second.port, 1);
    expect((await client.end()).code, client.stdout).to.equal(0);
    expect(WON.exec(client.grep(WON)[0]!)![1]).to.equal(String(winnersAmong(bets).length));
    const rows = await postgres.run(
      `SELECT draw, concat_ws(',', agency, first_name, last_name, document, birthdate, number) AS row
         FROM bets ORDER BY draw, agency, seq`,
      database,
    );
    const plain = bets.map((bet) => `1,${bet.join(',')}`);
    expect(rows).to.deep.equal([1, 2].flatMap((draw) => plain.map((row) => ({ draw, row }))));
  });

  it('ends a server that was not seen, with one line; what it had acknowledged is kept', async () => {
    const server = await sandbox.startServer({ ...settings, SERVER_AGENCIES: '2', SERVER_NAME: 'unseen' });
    const bet = ['Ana', 'Paz', '30904465', '1999-03-17', '7574'] as const;
    const agency = await sandbox.connect(server.port);
    expect(await agency.ask('N', '1')).to.equal('O 0');
    expect(await agency.ask('B', storedRow(1, bet))).to.equal('O 1');
    server.app.signal('SIGSTOP');
    let archived = '';
    const archive = async (): Promise<boolean> => {
      // Five seconds later the paused server is no more seen. Its last heartbeat may still be on the way.
      await postgres.run("UPDATE servers SET seen_at = now() - INTERVAL '6 seconds'", database);
      archived = (await newDraw()).stdout;
      return archived !== '';
    };
    await eventually('the new draw', archive, 15_000);
    expect(archived).to.match(/^draw 1 of \S+ is put aside \(not held, 0 of 2 agencies finished, 1 bets\);/);

    server.app.signal('SIGCONT');
    expect((await server.app.end()).code).to.equal(1);
    const errors = server.app.grep(/ (?:ERROR|CRITICAL) /);
    expect(errors[0]).to.match(
      /CRITICAL action: store \| result: fail \| error: draw 1 has ended: a new one has begun \| database: \S+$/,
    );
    expect(errors.at(-1)).to.match(/ERROR +action: exit \| result: fail \| code: 1$/);
    expect(errors).to.have.length(2);
    expect(server.app.stderr).to.equal('');
    expect(await postgres.run('SELECT draw, agency, seq, document FROM bets', database)).to.deep.equal([
      { draw: 1, agency: 1, seq: '1', document: '30904465' },
    ]);
  });
});
