import { appendFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, type QueryResultRow } from 'pg';
import { eventually } from '../../support/eventually';
import { type DaemonDirectory } from './daemon_directory';
import { signal } from './daemons';

export const SUPERUSER = 'postgres';

const DEADLINE_MS = 60_000;

/** Settings of every node. A small pool of buffers: the tables of a test are small. */
const SETTINGS = `
port = 5432
unix_socket_directories = ''
shared_buffers = 32MB
max_connections = 100
wal_keep_size = 64MB
min_wal_size = 2MB
wal_retrieve_retry_interval = 200ms
log_line_prefix = '%m [%p] '
`;

/** One PostgreSQL server on its own machine: an address of the loopback interface and a directory. */
export class PostgresNode {
  constructor(
    private readonly daemons: DaemonDirectory,
    private readonly programs: string,
    readonly name: string,
    readonly host: string,
  ) {}

  /**
   * Makes an empty database cluster. The page checksums are a requirement of pg_rewind.
   *
   * @param wal the directory of the write-ahead log; without it, the log is in the directory of the data.
   */
  async initialise(wal?: string): Promise<void> {
    await this.daemons.makeDirectory(this.name);
    await this.run('initdb', [
      ...['-D', this.data, '-U', SUPERUSER, '-A', 'trust', '-E', 'UTF8', '--locale=C'],
      ...['--data-checksums', '--wal-segsize=1', '--no-sync', '--no-instructions'],
      ...(wal === undefined ? [] : ['--waldir', wal]),
    ]);
    await appendFile(join(this.data, 'postgresql.conf'), SETTINGS);
    const anyone = ['all', 'replication'].map((database) => `host ${database} all 127.0.0.0/8 trust\n`);
    await appendFile(join(this.data, 'pg_hba.conf'), anyone.join(''));
  }

  /** Copies the whole of another node, which runs. */
  async copy(source: PostgresNode): Promise<void> {
    await this.daemons.makeDirectory(this.name);
    await this.run('pg_basebackup', [
      ...['-D', this.data, '-h', source.host, '-U', SUPERUSER],
      ...['--checkpoint=fast', '--wal-method=stream', '--no-sync'],
    ]);
  }

  /** Turns the stopped node back to the point before it and `source` diverged. */
  async rewind(source: PostgresNode): Promise<void> {
    // pg_rewind reads the timeline from the source's control file, and only a checkpoint writes it there.
    await source.query('CHECKPOINT');
    const connection = `host=${source.host} user=${SUPERUSER} dbname=postgres`;
    await this.run('pg_rewind', ['-D', this.data, `--source-server=${connection}`, '--no-sync']);
  }

  /**
   * Starts it and waits until it accepts connections. The settings of one node are given here: files would be copied from
   * node to node with the data.
   */
  async start(settings: Readonly<Record<string, string>>): Promise<void> {
    const all = { listen_addresses: this.host, ...settings };
    const options = Object.entries(all).map(([name, value]) => `-c ${name}='${value}'`);
    await this.run('pg_ctl', ['-D', this.data, '-l', this.log, '-w', '-o', options.join(' '), 'start']);
  }

  /** Makes it a standby from its next start on. */
  async follow(): Promise<void> {
    await this.run('touch', [join(this.data, 'standby.signal')], '/usr/bin');
  }

  async promote(): Promise<void> {
    await this.run('pg_ctl', ['-D', this.data, '-w', 'promote']);
  }

  async stop(): Promise<void> {
    await this.run('pg_ctl', ['-D', this.data, '-w', '-m', 'fast', 'stop']);
  }

  /** Kills the postmaster alone. Its backends end as soon as they notice that. */
  async killPostmaster(): Promise<void> {
    const pid = Number((await readFile(join(this.data, 'postmaster.pid'), 'utf8')).split('\n')[0]);
    if (!signal(pid, 'SIGKILL')) throw new Error(`the postmaster ${pid} of ${this.name} does not run`);
  }

  get isUp(): boolean {
    return this.daemons.processes(this.name).length > 0;
  }

  /** Kills all its processes, as the end of its machine does; those of a Patroni too, which run in the same directory. */
  async kill(): Promise<void> {
    await this.daemons.kill(this.name);
    // A dead postmaster may stay a zombie for a while, and its lock file would count as a live one's.
    await rm(join(this.data, 'postmaster.pid'), { force: true });
  }

  /** Whether it is up, and no standby. */
  async acceptsWrites(): Promise<boolean> {
    const rows = await this.query<{ is_standby: boolean }>('SELECT pg_is_in_recovery() AS is_standby').catch(() => []);
    return rows[0]?.is_standby === false;
  }

  /** Kills a process of it. The postmaster restarts all others then; resolves when it has. */
  async killBackend(pid: number): Promise<void> {
    const before = await this.checkpointer();
    signal(pid, 'SIGKILL');
    const isRestarted = async (): Promise<boolean> => {
      const now = await this.checkpointer().catch(() => undefined);
      return now !== undefined && now !== before;
    };
    await eventually(`the restart of ${this.name}`, isRestarted, DEADLINE_MS);
  }

  /** Rows of a query on a connection of its own, as superuser. */
  async query<Row extends QueryResultRow>(
    sql: string,
    values: readonly unknown[] = [],
    database = 'postgres',
  ): Promise<Row[]> {
    const client = new Client({ host: this.host, user: SUPERUSER, database, connectionTimeoutMillis: 5_000 });
    // The end of the connection rejects the query too.
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query<Row>(sql, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** Whether its log has a line with this text. */
  async hasLogged(text: string): Promise<boolean> {
    return (await readFile(this.log, 'utf8')).includes(text);
  }

  private async checkpointer(): Promise<number | undefined> {
    const query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'";
    return (await this.query<{ pid: number }>(query))[0]?.pid;
  }

  private get log(): string {
    return this.daemons.path(`${this.name}.log`);
  }

  private get data(): string {
    return this.daemons.path(this.name, 'data');
  }

  private async run(program: string, args: readonly string[], directory = this.programs): Promise<void> {
    await this.daemons.run(join(directory, program), args);
  }
}
