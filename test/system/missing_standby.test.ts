import { expect } from 'chai';
import { LotterySandbox } from '../support/lottery_sandbox';
import { ownPostgres, type PostgresServer } from '../support/postgres_server';
import { requireStandby } from '../support/required_standby';

/** Longer than a server's wait for an answer of the database. */
const REPORTED_MS = 15_000;

describe('a server without a confirming standby', function () {
  this.timeout(60_000);
  let sandbox: LotterySandbox;
  let postgres: PostgresServer;

  before(async function () {
    postgres = await ownPostgres(this, {});
    sandbox = await LotterySandbox.create();
  });

  after(async () => {
    await sandbox?.dispose();
    await postgres?.stop();
  });

  it('waits for it with its start', async () => {
    const database = await postgres.createDatabase();
    await requireStandby(postgres, 'nobody');
    const app = sandbox.launchServer({
      SERVER_STORE: 'postgres',
      SERVER_DATABASE_URL: postgres.url(database),
      SERVER_AGENCIES: '1',
    });
    // The second attempt meets the first one's transaction, which still waits in the database.
    await app.linesMatching(/action: open_store \| result: in_progress/, 2, REPORTED_MS);
    await requireStandby(postgres, '');
    await app.line(/action: listen \| result: success/);
    expect(await app.stop('SIGTERM')).to.include({ code: 0, signal: null });
  });
});
