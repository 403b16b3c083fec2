import { type StandbyState } from '../../domain/lottery_overview';
import { type Database } from './database/database';
import { StatementError } from './database/database_errors';

/** The lag changes slowly beside a commit. */
const INTERVAL_MS = 5_000;

/**
 * The standbys of the primary (PostgreSQL's manual, pg_stat_replication), in the order of their lag. Their columns are
 * NULL for a role without the rights of pg_read_all_stats, which pg_monitor has. The join has a row in any case.
 */
const STANDBYS = `
  SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS "isAllowed", application_name AS name, sync_state AS mode,
         coalesce(extract(epoch FROM flush_lag), 0)::float8 AS "lagSeconds",
         coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn), 0)::float8 AS "lagBytes"
    FROM (VALUES (1)) AS one LEFT JOIN pg_stat_replication ON state <> 'backup'
   ORDER BY 4, 5`;

type StandbyRow = { readonly isAllowed: boolean } & {
  readonly [Field in keyof StandbyState]: StandbyState[Field] | null;
};

/** Reads the standbys of the database, at most once in some seconds. */
export class StandbyMonitor {
  private standbys: readonly StandbyState[] | undefined;
  private readAt = -Infinity;

  constructor(private readonly database: Database) {}

  /**
   * The standbys of the last reading. Undefined if the role must not see them, or the database has no such view.
   *
   * @throws DatabaseUnavailableError
   */
  async read(waitMs: number): Promise<readonly StandbyState[] | undefined> {
    if (performance.now() - this.readAt < INTERVAL_MS) return this.standbys;
    this.standbys = await this.query(waitMs);
    this.readAt = performance.now();
    return this.standbys;
  }

  private async query(waitMs: number): Promise<readonly StandbyState[] | undefined> {
    try {
      const rows = await this.database.query<StandbyRow>(STANDBYS, [], { waitMs });
      if (rows[0]?.isAllowed !== true) return undefined;
      return rows.flatMap(({ name, mode, lagSeconds, lagBytes }) => {
        return name === null || mode === null ? [] : [{ name, mode, lagSeconds: lagSeconds!, lagBytes: lagBytes! }];
      });
    } catch (error) {
      if (error instanceof StatementError) return undefined;
      throw error;
    }
  }
}
