import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { findPostgresPrograms, REPLICATION_PROGRAMS } from '../../support/postgres_programs';
import { Campaign, sized } from '../support/campaign';
import { SERVERS } from '../support/cluster_lottery';
import { ClusterSuite } from '../support/cluster_suite';
import { signal } from '../support/daemons';
import { PostgresPair } from '../support/postgres_pair';
import { SERVER_ROLE } from '../support/replicated_database';
import { type SeededRandom } from '../support/seeded_random';

const DEADLINE_MS = sized(120_000, 300_000);
const SIZE = { bets: sized(300, 2_000), betsPerBatch: 2, window: 2 };

describe('torture: a cluster, faults of its database', function () {
  this.timeout(sized(300_000, 3_600_000));
  let suite: ClusterSuite<PostgresPair>;

  before(async function () {
    const programs = findPostgresPrograms(REPLICATION_PROGRAMS) ?? this.skip();
    suite = await ClusterSuite.start((site) => PostgresPair.start({ ...site, programs }));
  });

  afterEach(async () => suite.endPrograms());

  after(async () => suite?.dispose());

  describe('a node that dies', () => {
    const nodes = new Campaign('kill -9 of the primary or of the standby at random moments', DEADLINE_MS);
    const both = new Campaign('kill -9 of the primary and of one to three servers at the same time', DEADLINE_MS);

    async function replacePrimary(random: SeededRandom): Promise<void> {
      await (await suite.nodes.primary()).kill();
      await delay(random.below(2_000));
      await suite.nodes.failOver();
      await delay(random.below(1_000));
      await suite.nodes.rejoin();
    }

    it('costs no acknowledged bet', async () => {
      await suite.strike(nodes, SIZE, sized(2, 20), async (_, random) => {
        if (!random.once(4)) return replacePrimary(random);
        await suite.nodes.standby.kill();
        await delay(random.below(4_000));
        await suite.nodes.restartStandby();
      });
    });

    it('costs none together with servers that die', async () => {
      await suite.strike(both, SIZE, sized(1, 10), async (lottery, random) => {
        const victims = Array.from({ length: random.between(1, SERVERS) }, (_, index) => index);
        const replaced = replacePrimary(random);
        await Promise.all(victims.map(async (victim) => lottery.killServer(victim)));
        await Promise.all([replaced, ...victims.map(async (victim) => lottery.startServer(victim))]);
      });
    });
  });

  describe('its connections', () => {
    const cuts = new Campaign('connections of the servers terminated, cancelled, killed and stopped', DEADLINE_MS);

    /** The processes of the primary that serve the lottery's servers. */
    async function backends(): Promise<readonly number[]> {
      const query = 'SELECT pid FROM pg_stat_activity WHERE usename = $1';
      const rows = await (await suite.nodes.primary()).query<{ pid: number }>(query, [SERVER_ROLE]);
      return rows.map(({ pid }) => pid);
    }

    async function callFor(pids: readonly number[], operation: string): Promise<void> {
      await (await suite.nodes.primary()).query(`SELECT ${operation}(pid) FROM unnest($1::int[]) AS t(pid)`, [pids]);
    }

    /** Each way to disturb a connection, with the ones to disturb. */
    const operations: Readonly<Record<string, (pids: readonly number[], random: SeededRandom) => Promise<void>>> = {
      // A cancelled wait for the standby becomes a COMMIT with a warning.
      cancel: async (pids) => callFor(pids, 'pg_cancel_backend'),
      terminate: async (pids) => callFor(pids, 'pg_terminate_backend'),
      // The postmaster restarts all of its processes after that.
      kill: async ([first]) => (await suite.nodes.primary()).killBackend(first!),
      // A stopped one keeps its locks, and may commit when it continues.
      stop: async ([first], random) => {
        signal(first!, 'SIGSTOP');
        await delay(random.below(10_000));
        signal(first!, 'SIGCONT');
      },
    };

    it('cost no acknowledged bet, and none comes twice', async () => {
      const names = Object.keys(operations);
      let faults = 0;
      await suite.strike(cuts, SIZE, sized(4, 60), async (_, random) => {
        const pids = (await backends()).filter(() => random.once(2));
        if (pids.length > 0) await operations[names[faults++ % names.length]!]!(pids, random);
      });
    });
  });

  describe('a standby that is gone', () => {
    const gone = new Campaign('the standby killed, and started when each agency has had a refusal', DEADLINE_MS);

    it('ends the acknowledgements until it is back', async () => {
      const lottery = await suite.begin(SIZE);
      for (let count = 0; count < sized(1, 5) && !lottery.isOver; count++) {
        await gone.run('standby', async (random) => {
          await lottery.advance(random.below(SIZE.bets));
          await suite.nodes.standby.kill();
          // From now on the database shows no further bet, and no server may acknowledge one.
          const confirmed = await lottery.storedCounts();
          await lottery.refusals();
          lottery.requireAtMost(confirmed);
          expect(lottery.uploading).to.not.be.empty;
          await suite.nodes.restartStandby();
          // An agency gives up after a minute without progress: several outages in a row must not add up to that.
          await lottery.progress();
          await lottery.requireAcknowledged();
        });
      }
      await lottery.complete();
    });
  });
});
