import { type ChildProcess } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../support/command';
import { eventually } from '../../support/eventually';
import { findPostgresPrograms, REPLICATION_PROGRAMS } from '../../support/postgres_programs';
import { type DaemonDirectory } from './daemon_directory';
import { type LoopbackNetwork } from './loopback_network';
import { PostgresNode, SUPERUSER } from './postgres_node';
import { type ReplicatedDatabase } from './replicated_database';

const REST_PORT = 8008;
const DEADLINE_MS = 90_000;

/** Times in seconds. Patroni raises them from release 3.2 on: ttl to 20, loop_wait to 2, retry_timeout to 3. */
const TIMES = { ttl: 5, loop_wait: 1, retry_timeout: 2 };

export interface PatroniClusterOptions {
  readonly daemons: DaemonDirectory;
  readonly network: LoopbackNetwork;
  /** The directory of PostgreSQL's programs. */
  readonly programs: string;
  /** The version of etcd's interface that Patroni uses. */
  readonly etcd?: 'v2' | 'v3';
}

/** The directory of PostgreSQL's programs; undefined if the machine lacks them, Patroni or etcd. */
export async function findPatroniPrograms(): Promise<string | undefined> {
  for (const program of ['patroni', 'etcd']) {
    const isThere = await runCommand(program, ['--version']).then(
      ({ code }) => code === 0,
      () => false,
    );
    if (!isThere) return undefined;
  }
  return findPostgresPrograms(REPLICATION_PROGRAMS);
}

/** One node with the Patroni that manages it. */
interface Member {
  readonly node: PostgresNode;
  patroni: ChildProcess | undefined;
}

/**
 * Three PostgreSQL nodes under Patroni in strict synchronous mode, and the etcd that holds their leader key. Each node has
 * its own address of the loopback interface. Programs: `etcd` and `patroni` of the PATH.
 */
export class PatroniCluster implements ReplicatedDatabase {
  private readonly members: readonly Member[];

  private constructor(
    private readonly options: PatroniClusterOptions,
    private readonly etcdHost: string,
  ) {
    const { daemons, programs, network } = options;
    this.members = [1, 2, 3].map((number) => ({
      node: new PostgresNode(daemons, programs, `n${number}`, network.host(number)),
      patroni: undefined,
    }));
  }

  static async start(options: PatroniClusterOptions): Promise<PatroniCluster> {
    const cluster = new PatroniCluster(options, options.network.host(9));
    await cluster.startEtcd();
    for (const [index, { node }] of cluster.members.entries()) {
      await options.daemons.makeDirectory(node.name);
      await cluster.revive(node);
      // The others copy the first one.
      if (index === 0) await cluster.primary();
    }
    await cluster.untilWhole();
    return cluster;
  }

  get nodes(): readonly PostgresNode[] {
    return this.members.map(({ node }) => node);
  }

  /** The node with the leader key, once its promotion is complete: the answer 200 comes earlier. */
  async primary(): Promise<PostgresNode> {
    return this.nodeThat('is primary', async (node) => (await answers(node, '/primary')) && node.acceptsWrites());
  }

  /** A node that confirms commits, once there is one. */
  async synchronousStandby(): Promise<PostgresNode> {
    return this.nodeThat('is synchronous', async (node) => answers(node, '/sync'));
  }

  /** Resolves when all three nodes are up, one of them as a synchronous standby. */
  async untilWhole(): Promise<void> {
    const primary = await this.primary();
    await this.synchronousStandby();
    const query = "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'";
    await eventually('three nodes', async () => (await primary.query(query)).length === 2, DEADLINE_MS);
  }

  /** Starts the Patroni of a node, which starts the node. */
  async revive(node: PostgresNode): Promise<void> {
    const file = this.options.daemons.path(`${node.name}.yml`);
    // JSON is YAML.
    await writeFile(file, JSON.stringify(this.configurationOf(node)));
    this.memberOf(node).patroni = this.options.daemons.start(node.name, 'patroni', [file]);
  }

  /** Makes the synchronous standby the primary, in good order. */
  async switchOver(): Promise<void> {
    const [leader, candidate] = [await this.primary(), await this.synchronousStandby()];
    const response = await fetch(`http://${leader.host}:${REST_PORT}/switchover`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ leader: leader.name, candidate: candidate.name }),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    if (response.status !== 200) throw new Error(`switchover: ${response.status} ${await response.text()}`);
  }

  /** Stops the Patroni of a node (SIGSTOP), and not its PostgreSQL. */
  pause(node: PostgresNode): void {
    this.memberOf(node).patroni!.kill('SIGSTOP');
  }

  resume(node: PostgresNode): void {
    this.memberOf(node).patroni!.kill('SIGCONT');
  }

  private async startEtcd(): Promise<void> {
    const { daemons } = this.options;
    const directory = await daemons.makeDirectory('etcd');
    const [clients, peers] = [2379, 2380].map((port) => `http://${this.etcdHost}:${port}`) as [string, string];
    daemons.start('etcd', 'etcd', [
      ...['--name', 'etcd', '--data-dir', join(directory, 'data'), '--initial-cluster', `etcd=${peers}`],
      ...['--listen-client-urls', clients, '--advertise-client-urls', clients],
      ...['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers],
      ...(this.options.etcd === 'v2' ? ['--enable-v2'] : []),
    ]);
    await eventually('etcd', async () => (await status(`${clients}/health`)) === 200, DEADLINE_MS);
  }

  private configurationOf({ name, host }: PostgresNode): object {
    const { daemons, programs, etcd } = this.options;
    return {
      scope: 'lottery',
      name,
      restapi: { listen: `${host}:${REST_PORT}`, connect_address: `${host}:${REST_PORT}` },
      [etcd === 'v2' ? 'etcd' : 'etcd3']: { host: `${this.etcdHost}:2379` },
      bootstrap: {
        dcs: {
          ...TIMES,
          maximum_lag_on_failover: 1_048_576,
          synchronous_mode: true,
          synchronous_mode_strict: true,
          postgresql: {
            use_pg_rewind: true,
            use_slots: true,
            parameters: { max_connections: 100, wal_retrieve_retry_interval: '200ms', wal_keep_size: '64MB' },
          },
        },
        initdb: [{ encoding: 'UTF8' }, { locale: 'C' }, { auth: 'trust' }, 'data-checksums', 'no-sync'],
        pg_hba: ['all', 'replication'].map((database) => `host ${database} all 127.0.0.0/8 trust`),
      },
      postgresql: {
        listen: `${host}:5432`,
        connect_address: `${host}:5432`,
        data_dir: daemons.path(name, 'data'),
        bin_dir: programs,
        pgpass: daemons.path(name, 'pgpass'),
        authentication: { superuser: { username: SUPERUSER }, replication: { username: 'replicator' } },
        parameters: { unix_socket_directories: '', shared_buffers: '32MB' },
        basebackup: [{ checkpoint: 'fast' }, 'no-sync'],
      },
      watchdog: { mode: 'off' },
    };
  }

  private async nodeThat(what: string, holds: (node: PostgresNode) => Promise<boolean>): Promise<PostgresNode> {
    let found: PostgresNode | undefined;
    const look = async (): Promise<boolean> => {
      const answers = await Promise.all(this.nodes.map(holds));
      found = this.nodes[answers.indexOf(true)];
      return found !== undefined;
    };
    await eventually(`a node that ${what}`, look, DEADLINE_MS).catch((error: Error) => {
      const logs = this.nodes.map(({ name }) => `${name}:\n${this.options.daemons.lastLines(name)}`);
      throw new Error([error.message, ...logs].join('\n'), { cause: error });
    });
    return found!;
  }

  private memberOf(node: PostgresNode): Member {
    return this.members.find((member) => member.node === node)!;
  }
}

/** Whether the Patroni of a node answers 200 to a health check, which it does for the roles that the node has. */
async function answers(node: PostgresNode, path: string): Promise<boolean> {
  return (await status(`http://${node.host}:${REST_PORT}${path}`)) === 200;
}

/** The status of an answer, or undefined if there is none within a second. */
async function status(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return undefined;
  }
}
