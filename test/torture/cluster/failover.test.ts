import { setTimeout as delay } from 'node:timers/promises';
import { Campaign, sized } from '../support/campaign';
import { SERVERS } from '../support/cluster_lottery';
import { ClusterSuite, type Fault } from '../support/cluster_suite';
import { findPatroniPrograms, PatroniCluster } from '../support/patroni_cluster';

const DEADLINE_MS = 300_000;
const SIZE = { bets: sized(300, 1_500), betsPerBatch: 2, window: 2 };

describe('torture: a cluster, failovers by Patroni', function () {
  this.timeout(sized(600_000, 3_600_000));
  let suite: ClusterSuite<PatroniCluster>;
  let nodes: PatroniCluster;

  before(async function () {
    const programs = (await findPatroniPrograms()) ?? this.skip();
    suite = await ClusterSuite.start((site) => PatroniCluster.start({ ...site, programs }));
    nodes = suite.nodes;
  });

  afterEach(async () => suite.endPrograms());

  after(async () => suite?.dispose());

  /** A fault of whole nodes, which ends with all three of them. */
  function withWholeCluster(fault: Fault): Fault {
    return async (lottery, random) => {
      await fault(lottery, random);
      await nodes.untilWhole();
    };
  }

  const killMachine: Fault = async (lottery, random) => {
    const primary = await nodes.primary();
    await primary.kill();
    // The other nodes go on without it.
    await lottery.progress();
    await delay(random.below(2_000));
    await nodes.revive(primary);
  };

  function campaign(title: string, faults: number, fault: Fault): void {
    const cases = new Campaign(title, DEADLINE_MS);
    it(`keep every acknowledged bet after: ${title}`, async () => {
      await suite.strike(cases, SIZE, faults, withWholeCluster(fault));
    });
  }

  campaign('kill -9 of the primary with its Patroni', sized(1, 20), killMachine);

  if (sized(0, 1) === 0) return;

  campaign('kill -9 of the postmaster of the primary', 5, async () => (await nodes.primary()).killPostmaster());

  campaign('kill -9 of the synchronous standby with its Patroni', 5, async (_, random) => {
    const standby = await nodes.synchronousStandby();
    await standby.kill();
    await delay(random.below(4_000));
    await nodes.revive(standby);
  });

  campaign('kill -9 of both standbys for some seconds', 5, async (lottery, random) => {
    const primary = await nodes.primary();
    const standbys = nodes.nodes.filter((node) => node !== primary);
    await Promise.all(standbys.map(async (node) => node.kill()));
    const confirmed = await lottery.storedCounts();
    await delay(random.between(4_000, 9_000));
    lottery.requireAtMost(confirmed);
    await Promise.all(standbys.map(async (node) => nodes.revive(node)));
  });

  campaign('a switchover', 5, async () => nodes.switchOver());

  campaign('kill -9 of the primary with its Patroni, and of all servers', 5, async (lottery, random) => {
    const servers = Array.from({ length: SERVERS }, (_, index) => index);
    const primary = await nodes.primary();
    await Promise.all([primary.kill(), ...servers.map(async (server) => lottery.killServer(server))]);
    await delay(random.below(2_000));
    await Promise.all(servers.map(async (server) => lottery.startServer(server)));
    await nodes.revive(primary);
  });
});
