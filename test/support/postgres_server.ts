import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';
import { appendFile, chmod, chown, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { Database, type DatabaseOptions } from '../../apps/server/storage/postgres/database/database';
import { databaseTargetOf } from '../../apps/server/storage/postgres/database/database_target';
import { migrateSchema } from '../../apps/server/storage/postgres/schema_migration';
import { findFreePort } from '../../tools/free_port';
import { makeEmptyCluster, OWNER } from './empty_cluster';
import { eventually } from './eventually';
import { storedRow } from './generated_bets';
import { findPostgresPrograms } from './postgres_programs';
import { unprivilegedUser } from './unprivileged_user';

export interface PostgresOptions {
  /** Whether it survives a crash of the machine; off for speed. */
  readonly fsync?: boolean;
  /** Whether it listens on 127.0.0.1 too, on a free port. */
  readonly tcp?: boolean;
  /** How clients by TCP prove who they are; `scram-sha-256` asks for a password. */
  readonly authentication?: 'trust' | 'scram-sha-256';
  /** Parameters of postgresql.conf. */
  readonly parameters?: Readonly<Record<string, string>>;
}

const TEMPLATE = 'migrated';
export const MIGRATIONS = join(__dirname, '../../apps/server/storage/postgres/migrations');
const READY = 'database system is ready to accept connections';

/**
 * Ends the server and removes its directory as soon as its standard input ends: when the tests end, in whatever way. The
 * working directory of the server is its data directory, which tells it from another process with the same number.
 */
const CLEAN_UP = `
  read -r nothing
  pid=$(head -n 1 "$0/data/postmaster.pid" 2>/dev/null)
  runs() { [ -n "$pid" ] && [ "/proc/$pid/cwd" -ef "$0/data" ]; }
  if runs; then kill -QUIT "$pid"; fi
  for try in $(seq 200); do runs || break; sleep 0.05; done
  rm -rf "$0"
`;

/**
 * A PostgreSQL of this machine for tests, in a temporary directory and with a Unix socket in it. It runs as another user if
 * the tests run as root, which PostgreSQL refuses. Nothing of it outlives the process of the tests.
 */
export class PostgresServer {
  private postmaster: ChildProcess | undefined;
  private databases = 0;
  private template: Promise<void> | undefined;
  private log = '';

  private constructor(
    private readonly programs: string,
    /** The directory of the Unix socket. */
    readonly directory: string,
    readonly port: number,
    private readonly cleaner: ChildProcess,
  ) {}

  /** Makes a server and starts it. Undefined if the machine has no PostgreSQL. */
  static async start(options: PostgresOptions = {}): Promise<PostgresServer | undefined> {
    const programs = findPostgresPrograms();
    if (programs === undefined) return undefined;
    const directory = await mkdtemp(join(tmpdir(), 'postgres-'));
    const user = unprivilegedUser();
    if (user !== undefined) await chown(directory, user.uid, user.gid);
    await chmod(directory, 0o755);
    const cleaner = spawnAs('/bin/sh', ['-c', CLEAN_UP, directory], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    const port = options.tcp === true ? await findFreePort() : 5432;
    const server = new PostgresServer(programs, directory, port, cleaner);
    cleaner.unref();
    (cleaner.stdin as unknown as { unref(): void }).unref();
    try {
      await server.initialize(options);
      await server.launch();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get pid(): number {
    return this.postmaster!.pid!;
  }

  /** A URL for SERVER_DATABASE_URL, by the Unix socket. */
  url(database: string, user = OWNER): string {
    return `postgresql://${user}@${encodeURIComponent(this.directory)}:${this.port}/${database}`;
  }

  /** A URL by TCP. */
  tcpUrl(database: string, userAndPassword = OWNER): string {
    return `postgresql://${userAndPassword}@127.0.0.1:${this.port}/${database}`;
  }

  /** A new database with the current schema; returns its name. */
  async createDatabase(): Promise<string> {
    this.template ??= this.createTemplate();
    await this.template;
    return this.createEmptyDatabase(`TEMPLATE ${TEMPLATE}`);
  }

  /** A new database without a schema; returns its name. */
  async createEmptyDatabase(clause = ''): Promise<string> {
    const name = `test_${++this.databases}`;
    await this.run(`CREATE DATABASE ${name} ${clause}`);
    return name;
  }

  /** Runs statements as the owner, on a connection of their own, and returns the rows of the last one. */
  async run(text: string, database = 'postgres'): Promise<Record<string, unknown>[]> {
    const client = new Client({
      host: this.directory,
      port: this.port,
      user: OWNER,
      database,
      ssl: false,
      // A missing standby must not hold up the tests' own statements.
      options: '-c synchronous_commit=local',
    });
    await client.connect();
    try {
      const results: unknown = await client.query(text);
      const last = (Array.isArray(results) ? results.at(-1) : results) as { rows: Record<string, unknown>[] };
      return last.rows;
    } finally {
      await client.end();
    }
  }

  /** The bets of a database as rows of bets.csv, by agency and in the agency's order. */
  async storedRows(database: string): Promise<string[]> {
    const columns = 'agency, first_name, last_name, document, birthdate, number';
    const rows = await this.run(`SELECT ${columns} FROM bets ORDER BY agency, seq`, database);
    return rows.map(({ agency, ...bet }) => storedRow(Number(agency), Object.values(bet).map(String) as never));
  }

  /** Ends the server with a signal: SIGKILL to each of its processes, SIGQUIT (a crash too) or SIGINT (a fast shutdown). */
  async kill(signal: 'SIGKILL' | 'SIGQUIT' | 'SIGINT'): Promise<void> {
    const { postmaster } = this;
    if (postmaster === undefined) return;
    this.postmaster = undefined;
    const { pid } = postmaster;
    // Without the first process the others end by themselves, but only a moment later.
    const others =
      signal === 'SIGKILL' ? readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ') : [];
    const ended = once(postmaster, 'exit');
    postmaster.kill(signal);
    for (const other of others) if (this.runs(other)) process.kill(Number(other), signal);
    await ended;
    await eventually('all processes have ended', async () => !others.some((other) => this.runs(other)), 10_000);
  }

  /** Whether a process of this server has this number. */
  private runs(pid: string): boolean {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === join(this.directory, 'data');
    } catch {
      return false;
    }
  }

  /**
   * Stops all processes of the server that clients see (SIGSTOP): it accepts connections and says nothing more.
   *
   * @returns a function that lets them go on.
   */
  async freeze(): Promise<() => void> {
    const backends = await this.run("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'");
    const pids = [this.pid, ...backends.map(({ pid }) => pid as number)];
    const signal = (name: NodeJS.Signals): void => {
      for (const pid of pids) {
        try {
          process.kill(pid, name);
        } catch {
          // The backend of this query has ended.
        }
      }
    };
    signal('SIGSTOP');
    return () => signal('SIGCONT');
  }

  /** Starts it after a `kill`, with further parameters. */
  async launch(parameters: Readonly<Record<string, string>> = {}): Promise<void> {
    const args = Object.entries(parameters).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const postmaster = spawnAs(join(this.programs, 'postgres'), ['-D', join(this.directory, 'data'), ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.postmaster = postmaster;
    const output = postmaster.stderr!.setEncoding('utf8');
    this.log = '';
    await new Promise<void>((resolve, reject) => {
      output.on('data', (text: string) => {
        this.log += text;
        if (this.log.includes(READY)) resolve();
      });
      postmaster.once('error', reject);
      postmaster.once('exit', (code) => reject(new Error(`postgres ended with ${code}:\n${this.log}`)));
    });
    postmaster.unref();
    (output as unknown as { unref(): void }).unref();
  }

  /** Writes a file of the data directory that only the server can read. */
  async writeFile(name: string, content: string): Promise<void> {
    const path = join(this.directory, 'data', name);
    await writeFile(path, content, { mode: 0o600 });
    const user = unprivilegedUser();
    if (user !== undefined) await chown(path, user.uid, user.gid);
  }

  /** Ends the server and removes all that it has. */
  async stop(): Promise<void> {
    await this.kill('SIGQUIT');
    if (this.cleaner.exitCode !== null) return;
    const cleaned = once(this.cleaner, 'exit');
    this.cleaner.ref();
    this.cleaner.stdin!.end();
    await cleaned;
  }

  private async initialize({ fsync, tcp, authentication, parameters }: PostgresOptions): Promise<void> {
    const data = join(this.directory, 'data');
    await makeEmptyCluster(this.programs, data);
    const configuration = {
      listen_addresses: tcp === true ? '127.0.0.1' : '',
      port: String(this.port),
      unix_socket_directories: this.directory,
      fsync: fsync === true ? 'on' : 'off',
      lc_messages: 'C',
      log_destination: 'stderr',
      // Sleeping processes of a server that few tests use.
      autovacuum: 'off',
      max_connections: '50',
      shared_buffers: '32MB',
      ...parameters,
    };
    const lines = Object.entries(configuration).map(([name, value]) => `${name} = '${value}'\n`);
    await appendFile(join(data, 'postgresql.conf'), lines.join(''));
    await writeFile(
      join(data, 'pg_hba.conf'),
      `local all,replication all trust\nhost all all all ${authentication ?? 'trust'}\n`,
    );
  }

  private async createTemplate(): Promise<void> {
    await this.run(`CREATE DATABASE ${TEMPLATE}`);
    const database = openDatabase(this.url(TEMPLATE));
    await migrateSchema(database, MIGRATIONS);
    await database.close();
  }
}

/** The database of a URL. */
export function openDatabase(url: string, options: Partial<DatabaseOptions> = {}): Database {
  const target = databaseTargetOf({ SERVER_DATABASE_URL: url, SERVER_DATABASE_PASSWORD_FILE: undefined });
  return new Database(target, { connections: 2, ...options });
}

/** Starts a program as the user of the server. */
export function spawnAs(program: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  return spawn(program, args, {
    ...options,
    ...unprivilegedUser(),
    cwd: '/',
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  });
}

let shared: Promise<PostgresServer | undefined> | undefined;

/**
 * The server that the tests of this process share: started at the first call, ended with the process. Reports the test or
 * the suite as skipped if the machine has no PostgreSQL.
 */
export async function sharedPostgres(context: Mocha.Context): Promise<PostgresServer> {
  return requirePostgres(context, (shared ??= PostgresServer.start()));
}

/** A server of its own, to be stopped. Skips as `sharedPostgres` does. */
export async function ownPostgres(context: Mocha.Context, options: PostgresOptions): Promise<PostgresServer> {
  return requirePostgres(context, PostgresServer.start(options));
}

async function requirePostgres(
  context: Mocha.Context,
  starting: Promise<PostgresServer | undefined>,
): Promise<PostgresServer> {
  return (await starting) ?? context.skip();
}
