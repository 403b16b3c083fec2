import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { outputOf } from '../../support/command';
import { AcknowledgedWriter, WRITTEN } from '../support/acknowledged_writer';
import { DaemonDirectory } from '../support/daemon_directory';
import { LoopbackNetwork } from '../support/loopback_network';
import { findPatroniPrograms, PatroniCluster } from '../support/patroni_cluster';
import { SUPERUSER } from '../support/postgres_node';

const ROUNDS = Number(process.env['ROUNDS'] ?? 6);
const WRITERS = 3;

/** The release that replaces the leader key without a comparison, but only by version 3 of etcd's interface. */
const LOSES = { release: 'patroni 3.0.2', etcd: 'v3' };

/**
 * An experiment with Patroni itself, without a lottery: the Patroni of the primary is paused (SIGSTOP) until another node
 * is promoted and acknowledges commits, and continues then. `make torture PARTS=paused_patroni` prints the number of
 * acknowledged rows that are gone afterwards (docs/cluster.md). ROUNDS: pauses for each version of the interface.
 */
describe('experiment: a paused Patroni', function () {
  this.timeout(3_600_000);
  let programs: string;
  let daemons: DaemonDirectory | undefined;

  before(async function () {
    programs = (await findPatroniPrograms()) ?? this.skip();
  });

  afterEach(async () => daemons?.dispose());

  async function startCluster(etcd: 'v2' | 'v3'): Promise<PatroniCluster> {
    await daemons?.dispose();
    daemons = await DaemonDirectory.create();
    const cluster = await PatroniCluster.start({ daemons, network: new LoopbackNetwork(), programs, etcd });
    await (await cluster.primary()).query(WRITTEN);
    return cluster;
  }

  for (const etcd of ['v3', 'v2'] as const) {
    it(`keeps acknowledged rows with version ${etcd} of etcd's interface, where the release is not known to lose them`, async () => {
      const release = (await outputOf('patroni', ['--version'])).trim();
      let cluster: PatroniCluster | undefined;
      let allLost = 0;
      for (let round = 1; round <= ROUNDS; round++) {
        cluster ??= await startCluster(etcd);
        const writers = createWriters(cluster, round);
        const { change, isWhole } = await pauseDuring(cluster, writers);
        const lost = await countLost(cluster, writers);
        allLost += lost;
        const acknowledged = writers.reduce((sum, writer) => sum + writer.acknowledged.length, 0);
        const outcome = isWhole ? '' : '; a node does not come back';
        process.stdout.write(
          `    ${release}, etcd ${etcd}, pause ${round}: primary ${change}, ${lost} of ${acknowledged} rows lost${outcome}\n`,
        );
        if (!isWhole) cluster = undefined;
      }
      if (release !== LOSES.release || etcd !== LOSES.etcd) expect(allLost).to.equal(0);
    });
  }
});

function createWriters({ nodes }: PatroniCluster, round: number): AcknowledgedWriter[] {
  const hosts = nodes.map(({ host }) => host);
  return Array.from({ length: WRITERS }, (_, index) => {
    return new AcknowledgedWriter(WRITERS * round + index, hosts, 'postgres', SUPERUSER);
  });
}

/** Pauses the primary's Patroni over a failover while the writers write. Says which nodes were the primary. */
async function pauseDuring(
  cluster: PatroniCluster,
  writers: readonly AcknowledgedWriter[],
): Promise<{ change: string; isWhole: boolean }> {
  const paused = await cluster.primary();
  for (const writer of writers) writer.start();
  try {
    await delay(1_000 + Math.random() * 1_000);
    cluster.pause(paused);
    // A paused one does not answer, so this is another node.
    const promoted = await cluster.primary();
    await delay(1_000 + Math.random() * 5_000);
    cluster.resume(paused);
    await delay(10_000);
    const isWhole = await cluster.untilWhole().then(
      () => true,
      () => false,
    );
    const last = await cluster.primary();
    return { change: `${paused.name}, ${promoted.name}, ${last.name}`, isWhole };
  } finally {
    for (const writer of writers) await writer.stop();
  }
}

/** The number of acknowledged rows that the primary does not have. */
async function countLost(cluster: PatroniCluster, writers: readonly AcknowledgedWriter[]): Promise<number> {
  const primary = await cluster.primary();
  let lost = 0;
  for (const { id, acknowledged } of writers) {
    const rows = await primary.query<{ number: string }>('SELECT number FROM written WHERE writer = $1', [id]);
    const stored = new Set(rows.map(({ number }) => Number(number)));
    lost += acknowledged.filter((number) => !stored.has(number)).length;
  }
  return lost;
}
