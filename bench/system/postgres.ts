import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePort } from '../../tools/free_port';
import { findPostgresPrograms } from '../../test/support/postgres_programs';
import { unprivilegedUser } from '../../test/support/unprivileged_user';
import { PROGRAMS } from './program';

export const NO_POSTGRES = 'not measured: no initdb and postgres on this machine (Debian: apt install postgresql)';

const OWNER = 'lottery';
const STANDBY = 'standby';

/** The parameters of a small server that is as durable as PostgreSQL is by itself. */
const PARAMETERS: Readonly<Record<string, string>> = {
  fsync: 'on',
  synchronous_commit: 'on',
  shared_buffers: '256MB',
  max_wal_size: '4GB',
  min_wal_size: '2GB',
  wal_level: 'replica',
};

/** The columns of COPY, as the server sends them. */
const COPY_COLUMNS = 'bets (draw, seq, agency, first_name, last_name, document, birthdate, number)';

/** A throw-away PostgreSQL of this machine, with a synchronous standby on request. */
export class BenchPostgres {
  private databases = 0;

  private constructor(
    private readonly programs: string,
    private readonly directory: string,
    private readonly port: number,
    private readonly nodes: readonly string[],
  ) {}

  /** Makes and starts it in a directory below `directory`; undefined if the machine has no PostgreSQL. */
  static async start(directory: string, withStandby: boolean): Promise<BenchPostgres | undefined> {
    const programs = findPostgresPrograms(['initdb', 'postgres', 'pg_ctl', 'pg_basebackup']);
    if (programs === undefined) return undefined;
    const home = join(directory, 'postgres');
    rmSync(home, { recursive: true, force: true });
    mkdirSync(home, { recursive: true });
    chmodSync(home, 0o755);
    const user = unprivilegedUser();
    if (user !== undefined) chownSync(home, user.uid, user.gid);
    const nodes = withStandby ? ['primary', STANDBY] : ['primary'];
    const postgres = new BenchPostgres(programs, home, await findFreePort(), nodes);
    postgres.startPrimary();
    if (withStandby) await postgres.startStandby();
    return postgres;
  }

  /** A new database with the schema; returns its URL. */
  createDatabase(): string {
    const name = `bench_${++this.databases}`;
    this.query('postgres', `CREATE DATABASE ${name}`);
    const url = `postgresql://${OWNER}@127.0.0.1:${this.port}/${name}`;
    this.run(process.execPath, [PROGRAMS.migrate], { SERVER_DATABASE_URL: url, CONFIG_FILE: '/dev/null' });
    return url;
  }

  /** Runs a statement, or a command of psql, in the database of the URL. */
  query(url: string, text: string): string {
    return this.run('psql', ['-qAtX', '-v', 'ON_ERROR_STOP=1', '-c', text, this.locate(url)]);
  }

  /** Writes the rows of the database to a file, in the form of bets.csv, each agency's in order. */
  exportBets(url: string, file: string): void {
    const columns = 'agency, first_name, last_name, document, birthdate, number';
    this.query(url, `\\copy (SELECT ${columns} FROM bets ORDER BY agency, seq) TO '${file}' (FORMAT csv)`);
  }

  /** Writes the rows of the database to a file, in the order of the table, as input of `copyBets`. */
  exportTable(url: string, file: string): void {
    this.query(url, `\\copy ${COPY_COLUMNS} TO '${file}' (FORMAT csv)`);
  }

  /** Writes all changes to the files of the tables, so that no measurement pays for the work of the one before. */
  checkpoint(): void {
    this.query('postgres', 'CHECKPOINT');
  }

  /** Copies a file of rows into the table of bets, in one transaction. Returns the time in milliseconds. */
  copyBets(url: string, file: string): number {
    const begun = performance.now();
    this.query(url, `\\copy ${COPY_COLUMNS} FROM '${file}' (FORMAT csv)`);
    return performance.now() - begun;
  }

  dropDatabase(url: string): void {
    this.query('postgres', `DROP DATABASE ${url.slice(url.lastIndexOf('/') + 1)}`);
  }

  stop(): void {
    for (const node of this.nodes)
      this.run(this.program('pg_ctl'), ['-D', join(this.directory, node), '-m', 'fast', 'stop']);
    rmSync(this.directory, { recursive: true, force: true });
  }

  private startPrimary(): void {
    const data = join(this.directory, 'primary');
    this.run(this.program('initdb'), ['-D', data, '-U', OWNER, '-A', 'trust', '-E', 'UTF8', '--locale=C']);
    this.configure(data, { ...PARAMETERS, port: String(this.port) });
    this.launch(data);
  }

  private async startStandby(): Promise<void> {
    const data = join(this.directory, STANDBY);
    const source = `host=127.0.0.1 port=${this.port} user=${OWNER}`;
    this.run(this.program('pg_basebackup'), ['-D', data, '-d', source, '-R', '-c', 'fast', '-X', 'stream']);
    this.configure(data, {
      port: String(await findFreePort()),
      primary_conninfo: `${source} application_name=${STANDBY}`,
    });
    this.launch(data);
    this.query('postgres', `ALTER SYSTEM SET synchronous_standby_names = '${STANDBY}'`);
    this.query('postgres', 'SELECT pg_reload_conf()');
  }

  private configure(data: string, parameters: Readonly<Record<string, string>>): void {
    const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', ...parameters };
    const lines = Object.entries(all).map(([name, value]) => `${name} = '${value}'\n`);
    appendFileSync(join(data, 'postgresql.auto.conf'), lines.join(''));
  }

  private launch(data: string): void {
    this.run(this.program('pg_ctl'), ['-D', data, '-l', `${data}.log`, '-w', 'start']);
  }

  private locate(url: string): string {
    return url === 'postgres' ? `postgresql://${OWNER}@127.0.0.1:${this.port}/postgres` : url;
  }

  private program(name: string): string {
    return join(this.programs, name);
  }

  private run(program: string, args: readonly string[], environment: Record<string, string> = {}): string {
    return execFileSync(program, args, {
      ...unprivilegedUser(),
      cwd: '/',
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], LC_ALL: 'C', ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }
}
