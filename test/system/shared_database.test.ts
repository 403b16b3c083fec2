import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { type App } from '../support/app';
import { storedRow, winnersAmong } from '../support/generated_bets';
import { WON } from '../support/log_lines';
import { LotterySandbox, type RunningServer } from '../support/lottery_sandbox';
import { ownPostgres, type PostgresServer, sharedPostgres } from '../support/postgres_server';
import { message, type WireClient } from '../support/wire_client';

const ROWS = 4_000;

/** The processes of a PostgreSQL server beside its first one (proc(5)). */
function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
  return children.trim().split(' ').filter(Boolean).map(Number);
}

describe('several servers over one database', function () {
  this.timeout(60_000);
  let sandbox: LotterySandbox;
  let postgres: PostgresServer;
  let database: string;
  let settings: Record<string, string>;

  beforeEach(async function () {
    postgres = await sharedPostgres(this);
    sandbox = await LotterySandbox.create();
    database = await postgres.createDatabase();
    settings = { SERVER_STORE: 'postgres', SERVER_DATABASE_URL: postgres.url(database), SERVER_AGENCIES: '3' };
  });

  afterEach(async () => {
    await sandbox?.dispose();
  });

  function startServer(name: string, more: Record<string, string> = {}): Promise<RunningServer> {
    return sandbox.startServer({ ...settings, SERVER_NAME: name, ...more });
  }

  /** The end of a server that does not start: its exit code and its output on stderr. */
  async function failedStart(more: Record<string, string>): Promise<[number | string, string]> {
    const app: App = sandbox.launchServer({ ...settings, SERVER_NAME: 'refused', ...more });
    const { code } = await app.end();
    return [code as number | string, app.stderr];
  }

  it('store every bet once, though each of them is killed in turn', async () => {
    const files = await sandbox.writeBets(3, ROWS);
    const servers = [await startServer('one'), await startServer('two'), await startServer('three')];
    const addresses = servers.map(({ port }) => `127.0.0.1:${port}`).join(',');
    const more = { CLI_SERVER_ADDRESS: addresses, CLI_WINDOW: '2', CLI_BATCH_MAX_AMOUNT: '20' };
    const clients = Array.from(files.keys(), (id) => sandbox.startClient(0, id, more));
    for (const [index, { app, port }] of servers.entries()) {
      await app.linesMatching(/action: apuesta_recibida \| result: success/, 10);
      await app.stop('SIGKILL');
      servers[index] = await startServer(`again${index}`, { SERVER_PORT: String(port) });
    }
    for (const client of clients) expect((await client.end(40_000)).code, client.stdout).to.equal(0);
    expect(await postgres.storedRows(database)).to.deep.equal(
      Array.from(files, ([agency, bets]) => bets.map((bet) => storedRow(agency, bet))).flat(),
    );
    for (const [index, client] of clients.entries()) {
      expect(WON.exec(client.grep(WON)[0]!)![1]).to.equal(String(winnersAmong(files.get(index + 1)!).length));
    }
    const [draw] = await postgres.run('SELECT finished, held_at IS NOT NULL AS held FROM draws', database);
    expect(draw).to.deep.equal({ finished: 3, held: true });
    for (const { app } of servers) expect((await app.stop('SIGTERM')).code).to.equal(0);
  });

  it('end the session of an agency that has come to another one: at its next batch, or in its silence', async () => {
    const [one, two] = [await startServer('one'), await startServer('two')];
    const open = async ({ port }: RunningServer, agency: number): Promise<WireClient> => {
      const connection = await sandbox.connect(port);
      connection.write(message('N', String(agency)));
      expect(await connection.next()).to.equal('O 0');
      return connection;
    };
    const [busy, silent] = [await open(one, 1), await open(one, 2)];
    await open(two, 1);
    await open(two, 2);
    busy.write(message('B', '1,Ana,Paz,1,1999-03-17,7'));
    expect(await busy.next()).to.match(/^E superseded: /);
    expect(await silent.next()).to.match(/^E superseded: /);
    expect(await postgres.storedRows(database)).to.deep.equal([]);
  });

  it('refuse to start with other terms, or without a schema, by one line and exit code 2', async () => {
    await startServer('one');
    for (const name of ['SERVER_AGENCIES', 'SERVER_WINNING_NUMBER']) {
      const [code, errors] = await failedStart({ [name]: '4' });
      expect([code, errors.split('\n').length]).to.deep.equal([2, 2]);
      expect(errors).to.include('draw 1 was begun with the number 7574 and 3 agencies');
    }
    const empty = await postgres.createEmptyDatabase();
    const [code, errors] = await failedStart({ SERVER_DATABASE_URL: postgres.url(empty) });
    expect([code, errors.split('\n').length]).to.deep.equal([2, 2]);
    expect(errors).to.include('make migrate');
  });

  it('stop within 3 s while their database does not respond', async function () {
    const own = await ownPostgres(this, {});
    try {
      const { app } = await startServer('one', { SERVER_DATABASE_URL: own.url(await own.createDatabase()) });
      for (const pid of [own.pid, ...childrenOf(own.pid)]) process.kill(pid, 'SIGSTOP');
      await app.line(/action: database \| result: fail/);
      const begun = performance.now();
      expect((await app.stop('SIGTERM')).code).to.equal(0);
      expect(performance.now() - begun).to.be.lessThan(3_000);
    } finally {
      for (const pid of [own.pid, ...childrenOf(own.pid)]) process.kill(pid, 'SIGCONT');
      await own.stop();
    }
  });

  it('wait for a database that cannot be reached yet, until a stop', async () => {
    const url = `postgresql://lottery@${encodeURIComponent(sandbox.path('nowhere'))}/lottery`;
    const app = sandbox.launchServer({ ...settings, SERVER_DATABASE_URL: url });
    await app.line(/action: open_store \| result: in_progress/);
    expect((await app.stop('SIGTERM')).code).to.equal(0);
  });
});
