import { expect } from 'chai';
import { readBetBatch } from '../../apps/protocol/bet_batch';
import { type AgencyClaim } from '../../apps/server/domain/agency_claim';
import { eventually } from '../support/eventually';
import { ownPostgres, type PostgresServer } from '../support/postgres_server';
import { expectCode } from '../support/rejection';
import { requireStandby } from '../support/required_standby';
import { openStore, type OpenStore } from '../support/store_harness';

const bet = (document: number): string => `1,Ana,Paz,${document},1999-03-17,7`;
const batch = (...documents: number[]) => readBetBatch(Buffer.from(documents.map(bet).join('\n')), 1);

describe('bets without a confirmation of the standby', function () {
  this.timeout(60_000);
  let server: PostgresServer;
  let database: string;
  let open: OpenStore;

  before(async function () {
    server = await ownPostgres(this, {});
  });

  after(() => server?.stop());

  beforeEach(async () => {
    database = await server.createDatabase();
    open = await openStore({
      SERVER_STORE: 'postgres',
      SERVER_DATABASE_URL: server.url(database),
      SERVER_AGENCIES: '1',
      SERVER_NAME: 'server',
    });
  });

  afterEach(async () => {
    await requireStandby(server, '');
    await open?.close();
  });

  const hasLogged = (text: string): boolean => open.lines.some((line) => line.includes(text));

  /**
   * Claims the agency once the database confirms writes again, as an agency does. Until the next heartbeat the server
   * refuses a claim, up to a second after the database's first confirmation.
   */
  async function claimAgain(): Promise<AgencyClaim> {
    let claim: AgencyClaim | undefined;
    await eventually(
      'the claim',
      async () => {
        try {
          claim = await open.bets.claim(1);
        } catch (error) {
          if ((error as { code?: unknown }).code !== 'DATABASE_UNAVAILABLE') throw error;
        }
        return claim !== undefined;
      },
      20_000,
    );
    return claim!;
  }

  async function storedDocuments(): Promise<string[]> {
    const rows = await server.run('SELECT document FROM bets ORDER BY seq', database);
    return rows.map(({ document }) => String(document));
  }

  it('are not acknowledged, and the next claim counts them', async () => {
    const claim = await open.bets.claim(1);
    await open.bets.append(claim, batch(1), 0);
    await requireStandby(server, 'nobody');
    await expectCode(open.bets.append(claim, batch(2, 3), 1), 'STORE_OUTCOME_UNKNOWN');
    await requireStandby(server, '');
    // Nothing more is sent under the claim, and no later batch of it passes the unknown one.
    await expectCode(open.bets.append(claim, batch(4), 3), 'STORE_OUTCOME_UNKNOWN');
    const next = await claimAgain();
    expect(next.stored).to.equal(3);
    expect(await open.bets.append(next, batch(4), 3)).to.equal(4);
    expect(await storedDocuments()).to.deep.equal(['1', '2', '3', '4']);
  });

  it('are not acknowledged after a cancelled wait either, despite the response to COMMIT', async () => {
    const claim = await open.bets.claim(1);
    await requireStandby(server, 'nobody');
    const appended = expectCode(open.bets.append(claim, batch(1), 0), 'STORE_OUTCOME_UNKNOWN');
    const waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query = 'COMMIT'";
    for (let pids: unknown[] = []; pids.length === 0;) pids = await server.run(waiting);
    await server.run(`SELECT pg_cancel_backend(pid) FROM (${waiting}) AS waits`);
    await appended;
    await requireStandby(server, '');
    expect((await claimAgain()).stored).to.equal(1);
    expect(await storedDocuments()).to.deep.equal(['1']);
  });

  it('are refused at once while the heartbeat shows that no write is confirmed, and accepted afterwards', async () => {
    const claim = await open.bets.claim(1);
    await requireStandby(server, 'nobody');
    await eventually('the failed heartbeat', async () => hasLogged('action: database | result: fail'), 20_000);
    const begun = performance.now();
    await expectCode(open.bets.append(claim, batch(1), 0), 'DATABASE_UNAVAILABLE');
    await expectCode(open.bets.claim(1), 'DATABASE_UNAVAILABLE');
    expect(performance.now() - begun).to.be.lessThan(1_000);
    await requireStandby(server, '');
    await eventually('the heartbeat', async () => hasLogged('action: database | result: success'), 20_000);
    const next = await open.bets.claim(1);
    expect(await open.bets.append(next, batch(1), 0)).to.equal(1);
    expect(await storedDocuments()).to.deep.equal(['1']);
  });

  it('do not hold up a stop', async () => {
    const claim = await open.bets.claim(1);
    await requireStandby(server, 'nobody');
    const appended = expectCode(open.bets.append(claim, batch(1), 0), 'STORE_OUTCOME_UNKNOWN');
    const begun = performance.now();
    await open.close();
    expect(performance.now() - begun).to.be.lessThan(2_000);
    await appended;
  });
});
