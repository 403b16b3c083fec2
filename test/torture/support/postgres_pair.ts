import { eventually } from '../../support/eventually';
import { type DaemonDirectory } from './daemon_directory';
import { type LoopbackNetwork } from './loopback_network';
import { PostgresNode } from './postgres_node';
import { type ReplicatedDatabase } from './replicated_database';

const DEADLINE_MS = 30_000;

export interface PostgresPairOptions {
  readonly daemons: DaemonDirectory;
  readonly network: LoopbackNetwork;
  /** The directory of initdb, pg_ctl and the others. */
  readonly programs: string;
  /** The directory of the first primary's write-ahead log, if it is not beside the data. */
  readonly wal?: string;
}

/**
 * A primary and its synchronous standby as plain processes. The pair is strict: each node requires the other for a commit,
 * so a promoted standby acknowledges nothing before the other one is back. No manager runs beside them; the test promotes.
 */
export class PostgresPair implements ReplicatedDatabase {
  private roles: readonly [primary: PostgresNode, standby: PostgresNode];

  private constructor(readonly nodes: readonly [PostgresNode, PostgresNode]) {
    this.roles = nodes;
  }

  static async start({ daemons, network, programs, wal }: PostgresPairOptions): Promise<PostgresPair> {
    const a = new PostgresNode(daemons, programs, 'a', network.host(1));
    const b = new PostgresNode(daemons, programs, 'b', network.host(2));
    const pair = new PostgresPair([a, b]);
    await a.initialise(wal);
    await a.start(pair.settingsOf(a));
    await b.copy(a);
    await b.follow();
    await b.start(pair.settingsOf(b));
    await pair.untilSynchronous();
    return pair;
  }

  async primary(): Promise<PostgresNode> {
    const [primary] = this.roles;
    await eventually(`${primary.name} to accept writes`, async () => primary.acceptsWrites(), DEADLINE_MS);
    return primary;
  }

  get standby(): PostgresNode {
    return this.roles[1];
  }

  /** Promotes the standby. The primary must be dead, with all its backends: else two nodes would accept commits. */
  async failOver(): Promise<void> {
    const [primary, standby] = this.roles;
    if (primary.isUp) throw new Error(`${primary.name} still runs`);
    await standby.promote();
    this.roles = [standby, primary];
  }

  /** Resolves when the primary accepts writes; starts it again if it has ended. */
  async restorePrimary(): Promise<void> {
    const [primary] = this.roles;
    const isBack = async (): Promise<boolean> => {
      if (!primary.isUp) await primary.start(this.settingsOf(primary));
      return primary.acceptsWrites();
    };
    await eventually(`${primary.name} to accept writes`, isBack, DEADLINE_MS);
    await this.untilSynchronous();
  }

  /** Starts the dead standby again, as it was, and waits until it is synchronous. */
  async restartStandby(): Promise<void> {
    await this.standby.start(this.settingsOf(this.standby));
    await this.untilSynchronous();
  }

  /** Makes the dead former primary the standby of the new one, and waits until it is synchronous. */
  async rejoin(): Promise<void> {
    await this.standby.rewind(this.roles[0]);
    await this.standby.follow();
    await this.restartStandby();
  }

  /** Resolves when the standby confirms commits. */
  async untilSynchronous(): Promise<void> {
    const [primary] = this.roles;
    const query = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'";
    await eventually('a synchronous standby', async () => (await primary.query(query)).length > 0, DEADLINE_MS);
  }

  private settingsOf(node: PostgresNode): Record<string, string> {
    const other = node === this.nodes[0] ? this.nodes[1] : this.nodes[0];
    return {
      synchronous_standby_names: other.name,
      primary_conninfo: `host=${other.host} user=postgres application_name=${node.name}`,
    };
  }
}
