import { type ClientConfig } from 'pg';
import { SettingsError } from '../../../../runtime/settings';
import { Connection } from './connection';
import { type DatabaseCounters } from './database_counters';
import {
  DatabaseRefusedError,
  DatabaseUnavailableError,
  describeFailure,
  isRefusedConnection,
  isWithoutTls,
} from './database_errors';
import { type DatabaseTarget } from './database_target';
import { type DatabaseHost, describeHost, isUnixSocket } from './database_url';
import { type TlsMode } from './tls_modes';

/** Opens connections: to the last good host first, then to the others in the order of the URL. */
export class Connector {
  private lastGood = 0;
  private hasConnected = false;

  constructor(
    private readonly target: DatabaseTarget,
    /** The time limit of a statement on the server, in milliseconds. */
    private readonly statementTimeoutMs: number,
    private readonly counters: DatabaseCounters,
  ) {}

  /**
   * Tries each host once.
   *
   * @throws DatabaseUnavailableError with the reason of each host.
   * @throws SettingsError a password is missing.
   */
  async connect(): Promise<Connection> {
    const { hosts } = this.target.url;
    const first = this.lastGood;
    const failures: Failure[] = [];
    for (let tried = 0; tried < hosts.length; tried++) {
      const index = (first + tried) % hosts.length;
      const host = hosts[index]!;
      try {
        const connection = await this.connectTo(host);
        this.onConnected(index);
        return connection;
      } catch (error) {
        if (error instanceof SettingsError) throw error;
        failures.push({ host, error });
      }
    }
    throw unavailable(this.target.url.database, failures);
  }

  private onConnected(index: number): void {
    this.counters.opened++;
    if (this.hasConnected && index !== this.lastGood) this.counters.failovers++;
    this.hasConnected = true;
    this.lastGood = index;
  }

  private async connectTo(host: DatabaseHost): Promise<Connection> {
    const modes: readonly TlsMode[] = isUnixSocket(host) ? [false] : this.target.url.tls;
    for (const [index, ssl] of modes.entries()) {
      try {
        return await this.openSession(host, ssl);
      } catch (error) {
        if (index === modes.length - 1 || !isWithoutTls(error)) throw error;
      }
    }
    throw new Error('there is no way to connect');
  }

  private async openSession(host: DatabaseHost, ssl: TlsMode): Promise<Connection> {
    const { user, database, applicationName, connectTimeoutMs, mustBeWritable } = this.target.url;
    const config: ClientConfig = {
      user,
      database,
      password: () => this.target.readPassword(host),
      ssl,
      application_name: applicationName,
      connectionTimeoutMillis: connectTimeoutMs,
    };
    const connection = await Connection.open(host, config);
    try {
      const { rows } = await connection.query<{ read_only: string }>(this.sessionStart(), [], connectTimeoutMs);
      if (!mustBeWritable || rows[0]!.read_only === 'off') return connection;
    } catch (error) {
      connection.destroy();
      throw error;
    }
    connection.end();
    throw new Error('it accepts no writes (a standby, or read-only)');
  }

  /**
   * One statement with two purposes. It reads whether the server accepts writes. It sets limits, so that a dead or
   * silent client does not keep its locks: the server ends the statement, the transaction or the connection. Parameters
   * unknown to the server are not set.
   */
  private sessionStart(): string {
    const { statementTimeoutMs } = this;
    const parameters = {
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: 2 * statementTimeoutMs,
      tcp_user_timeout: 2 * statementTimeoutMs,
      tcp_keepalives_idle: 5,
      tcp_keepalives_interval: 2,
      tcp_keepalives_count: 3,
    };
    const values = Object.entries(parameters).map(([name, value]) => `('${name}', '${value}')`);
    return `SELECT current_setting('transaction_read_only') AS read_only,
      (SELECT count(set_config(name, value, false)) FROM (VALUES ${values.join(', ')}) AS wanted (name, value)
        WHERE name IN (SELECT name FROM pg_settings)) AS set`;
  }
}

interface Failure {
  readonly host: DatabaseHost;
  readonly error: unknown;
}

function unavailable(database: string, failures: readonly Failure[]): DatabaseUnavailableError {
  const reasons = failures.map(({ host, error }) => `${describeHost(host)}: ${describeFailure(error)}`);
  const message = `no connection to the database ${database}: ${reasons.join('; ')}`;
  const isRefused = failures.every(({ error }) => isRefusedConnection(error));
  return new (isRefused ? DatabaseRefusedError : DatabaseUnavailableError)(message, { cause: failures.at(-1)?.error });
}
