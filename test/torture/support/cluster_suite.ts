import { AgencyProcess } from './agency_process';
import { type Campaign } from './campaign';
import { ClusterLottery, type LotterySize } from './cluster_lottery';
import { DaemonDirectory } from './daemon_directory';
import { LoopbackNetwork } from './loopback_network';
import { createDatabase, prepareDatabases, type ReplicatedDatabase } from './replicated_database';
import { type SeededRandom } from './seeded_random';
import { ServerProcess } from './server_process';

/** Where the nodes of a suite run. */
export interface ClusterSite {
  readonly daemons: DaemonDirectory;
  readonly network: LoopbackNetwork;
}

/** Strikes a lottery and mends the damage. */
export type Fault = (lottery: ClusterLottery, random: SeededRandom) => Promise<void>;

/** Database nodes that several lotteries use, each with a database of its own. */
export class ClusterSuite<Nodes extends ReplicatedDatabase> {
  private lotteries = 0;

  private constructor(
    readonly nodes: Nodes,
    private readonly site: ClusterSite,
  ) {}

  static async start<Nodes extends ReplicatedDatabase>(
    startNodes: (site: ClusterSite) => Promise<Nodes>,
  ): Promise<ClusterSuite<Nodes>> {
    const site = { daemons: await DaemonDirectory.create(), network: new LoopbackNetwork() };
    try {
      const nodes = await startNodes(site);
      await prepareDatabases(nodes);
      return new ClusterSuite(nodes, site);
    } catch (error) {
      await site.daemons.dispose();
      throw error;
    }
  }

  /** Starts a lottery in a new database: its servers listen and its agencies upload. */
  async begin(size: LotterySize): Promise<ClusterLottery> {
    const database = `lottery_${++this.lotteries}`;
    await createDatabase(this.nodes, database);
    const { daemons, network } = this.site;
    const lottery = new ClusterLottery({
      ...size,
      nodes: this.nodes,
      database,
      network,
      directory: daemons.path('files'),
    });
    await lottery.begin();
    return lottery;
  }

  /**
   * Begins lotteries until there were enough faults, and completes each of them. Most faults come while bets come in, some
   * while the agencies start. After each one the acknowledged bets are in the database and every agency has gone on.
   */
  async strike(campaign: Campaign, size: LotterySize, faults: number, fault: Fault): Promise<void> {
    const pauses: number[] = [];
    let underLoad = 0;
    let left = faults;
    while (left > 0) {
      const lottery = await this.begin(size);
      while (left > 0 && !lottery.isOver) {
        left--;
        await campaign.run('fault', async (random) => {
          if (!random.once(8)) await lottery.advance(random.below(size.bets));
          if (lottery.uploading.length > 0) underLoad++;
          const endPauses = lottery.measurePauses();
          await fault(lottery, random);
          await lottery.requireAcknowledged();
          pauses.push(...(await endPauses()));
        });
      }
      await lottery.complete();
    }
    campaign.note(`${underLoad} of them under load`);
    campaign.note(`longest time of an agency without acknowledgements: ${describePauses(pauses)}`);
  }

  /** Ends all programs of its lotteries. */
  async endPrograms(): Promise<void> {
    await AgencyProcess.killAll();
    await ServerProcess.killAll();
  }

  async dispose(): Promise<void> {
    await this.endPrograms();
    await this.site.daemons.dispose();
  }
}

/** The middle and the longest of some times, for a figure of the report: `median 0.2 s, longest 1.4 s`. */
export function describePauses(milliseconds: readonly number[]): string {
  const seconds = (value: number): string => `${(value / 1000).toFixed(1)} s`;
  return `median ${seconds(medianOf(milliseconds))}, longest ${seconds(Math.max(0, ...milliseconds))}`;
}

/** The middle one of some values; 0 without any. */
export function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
