import { expect } from 'chai';
import { storedRow, winnersAmong } from '../../support/generated_bets';
import { LotteryCertificates } from '../../support/lottery_certificates';
import { LotterySandbox, type RunningServer } from '../../support/lottery_sandbox';
import { type PostgresServer, sharedPostgres } from '../../support/postgres_server';

const AGENCIES = 3;
const ROWS = 4_000;
const SMALL_BATCHES = { CLI_BATCH_MAX_AMOUNT: '20', CLI_WINDOW: '2', CLI_LOG_LEVEL: 'DEBUG' };
const STORED_BATCH = /action: apuesta_recibida \| result: success/;

/** The number of bets that a server has stored, by its log. */
function storedBy({ app }: RunningServer): number {
  const counts = app.grep(STORED_BATCH).map((line) => Number(/cantidad: (\d+)/.exec(line)![1]));
  return counts.reduce((sum, count) => sum + count, 0);
}

describe('two servers on one PostgreSQL, by mutual TLS', function () {
  this.timeout(60_000);
  let sandbox: LotterySandbox;
  let postgres: PostgresServer;
  let database: string;
  let certificates: LotteryCertificates;

  beforeEach(async function () {
    postgres = await sharedPostgres(this);
    sandbox = await LotterySandbox.create();
    database = await postgres.createDatabase();
    certificates = await LotteryCertificates.create(sandbox, AGENCIES);
  });

  afterEach(async () => {
    await sandbox?.dispose();
  });

  function startServer(name: string, more: Record<string, string> = {}): Promise<RunningServer> {
    return sandbox.startServer({
      SERVER_STORE: 'postgres',
      SERVER_DATABASE_URL: postgres.url(database),
      SERVER_AGENCIES: String(AGENCIES),
      SERVER_NAME: name,
      ...certificates.server,
      ...more,
    });
  }

  for (const [what, signal] of [
    ['stops', 'SIGTERM'],
    ['is killed', 'SIGKILL'],
  ] as const) {
    it(`go on with an agency in the middle of its upload when the other one ${what}`, async () => {
      const files = await sandbox.writeBets(AGENCIES, ROWS);
      const [one, two] = [await startServer('one'), await startServer('two')];
      const addresses = [one, two].map(({ port }) => `127.0.0.1:${port}`);
      const more = { CLI_SERVER_ADDRESS: addresses.join(','), ...SMALL_BATCHES, ...certificates.client };
      const clients = Array.from(files.keys(), (id) => sandbox.startClient(0, id, more));
      await one.app.linesMatching(STORED_BATCH, 10);
      await one.app.stop(signal);
      for (const client of clients) expect((await client.end(40_000)).code, client.stdout).to.equal(0);
      const expected = Array.from(files, ([agency, bets]) => bets.map((bet) => storedRow(agency, bet)));
      expect(await postgres.storedRows(database)).to.deep.equal(expected.flat());
      for (const [index, bets] of Array.from(files.values()).entries()) {
        const documents = clients[index]!.grep(/action: ganador /).map((text) => /dni: (\d+)/.exec(text)![1]);
        expect(documents).to.deep.equal(winnersAmong(bets));
      }
      // Agencies 1 and 3 began at the first server. A warning gives the way from there to the second one.
      const ways = clients.map((client) => client.stdout.includes(`next: ${addresses[1]}`));
      expect(ways).to.deep.equal([true, false, true]);
      expect(storedBy(one)).to.be.within(1, 2 * ROWS - 1);
      expect(storedBy(two)).to.be.within(ROWS + 1, AGENCIES * ROWS - 1);
      const [draw] = await postgres.run('SELECT finished, held_at IS NOT NULL AS held FROM draws', database);
      expect(draw).to.deep.equal({ finished: AGENCIES, held: true });
      expect((await two.app.stop('SIGTERM')).code).to.equal(0);
      expect(two.app.grep(/tls_handshake|tls_files/)).to.deep.equal([]);
    });
  }

  it('refuse the certificate of another agency at each of them', async () => {
    const [one, two] = [await startServer('one'), await startServer('two')];
    const { certificate, key } = await certificates.writeAgency('two', 2);
    for (const { port } of [one, two]) {
      const connection = await sandbox.connectTls(port, { cert: certificate, key });
      expect(await connection.ask('N', '1')).to.equal("E wrong-agency: the certificate is agency 2's");
    }
    expect(await postgres.storedRows(database)).to.deep.equal([]);
  });

  it('end the session of a certificate that has come to the other one', async () => {
    const [one, two] = [await startServer('one'), await startServer('two')];
    const { certificate, key } = await certificates.writeAgency('agency-1', 1);
    const first = await sandbox.connectTls(one.port, { cert: certificate, key });
    expect(await first.ask('N', '1')).to.equal('O 0');
    const second = await sandbox.connectTls(two.port, { cert: certificate, key });
    expect(await second.ask('N', '1')).to.equal('O 0');
    expect(await first.ask('B', '1,Ana,Paz,1,1999-03-17,7')).to.match(/^E superseded: /);
    expect(await second.ask('B', '1,Ana,Paz,1,1999-03-17,7')).to.equal('O 1');
    expect(await postgres.storedRows(database)).to.deep.equal(['1,Ana,Paz,1,1999-03-17,7']);
  });
});
