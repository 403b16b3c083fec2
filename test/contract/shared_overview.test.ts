import { expect } from 'chai';
import { readBetBatch } from '../../apps/protocol/bet_batch';
import { type ServerState } from '../../apps/server/domain/lottery_overview';
import { eventually } from '../support/eventually';
import { createPostgresHarness, type OpenStore, type PostgresHarness, readAgencies } from '../support/store_harness';

const bet = (agency: number, document: number): string => `${agency},Ana,Paz,${document},1999-03-17,1`;
const batch = (...rows: string[]) => readBetBatch(Buffer.from(rows.join('\n')), undefined);
const DEADLINE_MS = 10_000;

describe('the overview of a store with several servers', () => {
  let harness: PostgresHarness;
  let one: OpenStore;
  let two: OpenStore;

  beforeEach(async function () {
    harness = await createPostgresHarness(this);
    [one, two] = [await harness.open({ SERVER_DATABASE_CONNECTIONS: '3' }), await harness.open()];
  });

  afterEach(async () => {
    await one?.close();
    await two?.close();
  });

  const serversOf = async ({ overview }: OpenStore): Promise<readonly ServerState[]> => (await overview.read()).servers;

  /** Waits for the servers, as `name: sessions`, with `(lost)` behind a lost one. */
  async function serversBecome(expected: readonly string[]): Promise<void> {
    const describe = ({ name, sessions, isAlive }: ServerState): string =>
      `${name}: ${sessions}${isAlive ? '' : ' (lost)'}`;
    const isSo = async (): Promise<boolean> => (await serversOf(one)).map(describe).join() === expected.join();
    await eventually(`the servers ${expected.join()}`, isSo, DEADLINE_MS);
  }

  it('has the agencies of all servers on each of them', async () => {
    const claims = [await one.bets.claim(1), await two.bets.claim(2), await two.bets.claim(3)] as const;
    await one.bets.append(claims[0], batch(bet(1, 1), bet(1, 2)), 0);
    await two.bets.append(claims[1], batch(bet(2, 1)), 0);
    await two.tracker.finish(claims[1], 1);
    for (const { overview } of [one, two]) {
      expect(await readAgencies(overview)).to.deep.equal([
        { agency: 1, bets: 2, hasFinished: false, hasWinners: false },
        { agency: 2, bets: 1, hasFinished: true, hasWinners: false },
        { agency: 3, bets: 0, hasFinished: false, hasWinners: false },
      ]);
    }
  });

  it('has the agencies with their winners, after a stop of their server too', async () => {
    for (const agency of [1, 2, 3]) await two.tracker.finish(await two.bets.claim(agency), 0);
    two.activity.winnersGiven(2);
    two.activity.winnersGiven(2);
    const withWinners = async (): Promise<readonly number[]> => {
      return (await readAgencies(one.overview)).filter(({ hasWinners }) => hasWinners).map(({ agency }) => agency);
    };
    await eventually('agency 2 with its winners', async () => (await withWinners()).join() === '2', DEADLINE_MS);
    two.activity.winnersGiven(1);
    await two.close();
    expect(await withWinners()).to.deep.equal([1, 2]);
  });

  it('has the servers with their sessions and their rate', async () => {
    one.activity.sessionOpened();
    for (let session = 0; session < 3; session++) two.activity.sessionOpened();
    await serversBecome(['server1: 1', 'server2: 3']);
    expect(await serversOf(two)).to.have.length(2);
    const [{ clock }] = (await harness.run('SELECT now() AS clock')) as [{ clock: Date }];
    for (const { startedAt, seenAt, betsPerSecond } of await serversOf(two)) {
      expect(startedAt).to.be.within(new Date(clock.getTime() - 60_000), seenAt);
      expect(seenAt).to.be.within(new Date(clock.getTime() - 5_000), new Date(clock.getTime() + 5_000));
      expect(betsPerSecond).to.equal(0);
    }
    one.activity.batchStored(1, 1_000_000);
    await eventually('the rate', async () => (await serversOf(two))[0]!.betsPerSecond > 0, DEADLINE_MS);
  });

  it('counts the use of the database by this server', async () => {
    const isQuiet = async (): Promise<boolean> => {
      const { connections, connectionsOpened } = one.overview.database!;
      return connections.inUse === 0 && connectionsOpened === connections.open;
    };
    await eventually('unused connections', isQuiet, DEADLINE_MS);
    const before = one.overview.database!;
    const { open } = before.connections;
    expect(open).to.be.within(1, 3);
    expect(before).to.deep.equal({
      connections: { open, inUse: 0, max: 3 },
      connectionsOpened: open,
      connectionsLost: 0,
      failovers: 0,
      waits: 0,
      retries: 0,
      unknownOutcomes: 0,
    });
    await harness.run(`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`);
    const isCounted = async (): Promise<boolean> => {
      const { connectionsLost, connectionsOpened } = one.overview.database!;
      return connectionsLost >= open && connectionsOpened > open;
    };
    await eventually('the lost connections and new ones', isCounted, DEADLINE_MS);
  });

  it('has no stopped server, and shows a server without heartbeats as lost', async () => {
    await serversBecome(['server1: 0', 'server2: 0']);
    await two.close();
    await serversBecome(['server1: 0']);
    await harness.run(`INSERT INTO servers (name, draw, started_at, seen_at, sessions, bets_per_second)
      SELECT name, draw, now() - INTERVAL '2 hours', now() - age, 7, 0 FROM draws,
        (VALUES ('silent', INTERVAL '6 seconds'), ('gone', INTERVAL '61 minutes')) AS dead (name, age)
      UNION SELECT 'of another draw', 99, now(), now(), 1, 0`);
    await serversBecome(['server1: 0', 'silent: 7 (lost)']);
  });
});
