import { expect } from 'chai';
import { type StandbyState } from '../../apps/server/domain/lottery_overview';
import { type Database } from '../../apps/server/storage/postgres/database/database';
import { StandbyMonitor } from '../../apps/server/storage/postgres/standby_monitor';
import { eventually } from '../support/eventually';
import { openDatabase, ownPostgres, type PostgresServer } from '../support/postgres_server';
import { startWalReceiver } from '../support/wal_receiver';

const WAIT_MS = 5_000;
const DEADLINE_MS = 10_000;

describe('the monitor of standbys', function () {
  this.timeout(60_000);
  let server: PostgresServer;
  const databases: Database[] = [];

  before(async function () {
    server = await ownPostgres(this, {
      parameters: { synchronous_standby_names: 'sure', synchronous_commit: 'local' },
    });
    await server.run('CREATE ROLE plain LOGIN; CREATE ROLE watching LOGIN; GRANT pg_monitor TO watching');
  });

  after(async () => {
    for (const database of databases) await database.close();
    await server?.stop();
  });

  /** The standbys that a role sees now. */
  async function standbysFor(user: string): Promise<readonly StandbyState[] | undefined> {
    const database = openDatabase(server.url('postgres', user));
    databases.push(database);
    return new StandbyMonitor(database).read(WAIT_MS);
  }

  it('has none without a standby', async () => {
    expect(await standbysFor('watching')).to.deep.equal([]);
  });

  it('has the connected standbys, for a role with the right to see them', async function () {
    const endings = [await startWalReceiver(this, server, 'sure'), await startWalReceiver(this, server, 'other')];
    const database = openDatabase(server.url('postgres', 'watching'));
    databases.push(database);
    const modes = async () => {
      const standbys = await new StandbyMonitor(database).read(WAIT_MS);
      return standbys!.map(({ name, mode }) => `${name} ${mode}`).sort();
    };
    const isConnected = async () => (await modes()).join() === 'other async,sure sync';
    await eventually('the standbys', isConnected, DEADLINE_MS);
    await server.run("CREATE TABLE filler AS SELECT repeat('x', 1000) FROM generate_series(1, 1000)");
    const hasCaughtUp = async () => {
      return (await new StandbyMonitor(database).read(WAIT_MS))!.every(({ lagBytes }) => lagBytes === 0);
    };
    await eventually('the confirmation of all changes', hasCaughtUp, DEADLINE_MS);
    for (const { lagSeconds } of (await standbysFor('watching'))!) expect(lagSeconds).to.be.within(0, 10);

    expect(await standbysFor('plain')).to.equal(undefined);
    for (const end of endings) await end();
    await eventually('the end of the standbys', async () => (await modes()).length === 0, DEADLINE_MS);
  });

  it('reads at most once in some seconds', async () => {
    const database = openDatabase(server.url('postgres', 'watching'));
    const monitor = new StandbyMonitor(database);
    expect(await monitor.read(WAIT_MS)).to.deep.equal([]);
    await database.close();
    expect(await monitor.read(WAIT_MS)).to.deep.equal([]);
  });

  it('has no answer of a database without the view', async () => {
    const name = await server.createEmptyDatabase();
    // Another view of this name is found first.
    await server.run(
      `CREATE SCHEMA other; GRANT USAGE ON SCHEMA other TO PUBLIC;
       CREATE VIEW other.pg_stat_replication AS SELECT 1 AS nothing;
       CREATE ROLE elsewhere LOGIN; ALTER ROLE elsewhere SET search_path = other, pg_catalog`,
      name,
    );
    const database = openDatabase(server.url(name, 'elsewhere'));
    databases.push(database);
    expect(await new StandbyMonitor(database).read(WAIT_MS)).to.equal(undefined);
  });
});
