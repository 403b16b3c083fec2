import { join } from 'node:path';
import Postgrator from 'postgrator';
import { StoreError, StoreSchemaError } from '../../domain/store_errors';
import { type Database } from './database/database';
import { StatementError } from './database/database_errors';
import { type Transaction } from './database/transaction';
import { describeMismatch, SCHEMA_VERSION } from './schema';

/** The schema's version before and after a migration. */
export interface SchemaMigration {
  readonly before: number;
  readonly after: number;
}

/** Changes of a large table may take long, and wait for the transactions of running servers. In milliseconds. */
const TIMEOUT_MS = 6 * 3_600_000;

/** The errors of two concurrent first migrations: the tables of one exist before the other creates them. */
const ALREADY_THERE = [
  '42P07', // duplicate_table
  '23505', // unique_violation, of the system's catalogues
];

/**
 * Brings the schema to a version, in one transaction: it succeeds as a whole or changes nothing. Repeated and
 * concurrent calls are safe.
 *
 * @param directory the numbered SQL files.
 * @throws StoreSchemaError the schema is newer than the last file, or was made by other files.
 * @throws StoreError
 */
export async function migrateSchema(
  database: Database,
  directory: string,
  version = SCHEMA_VERSION,
): Promise<SchemaMigration> {
  const migrate = () =>
    database.transaction((tx) => migrateIn(tx, database, directory, version), { timeoutMs: TIMEOUT_MS });
  try {
    return await migrate();
  } catch (error) {
    if (!(error instanceof StatementError) || !ALREADY_THERE.includes(error.sqlState)) throw error;
    return migrate();
  }
}

async function migrateIn(
  tx: Transaction,
  database: Database,
  directory: string,
  target: number,
): Promise<SchemaMigration> {
  const [{ schema, has_table }] = (await tx.query<{ schema: string | null; has_table: boolean }>(
    "SELECT current_schema() AS schema, to_regclass('schemaversion') IS NOT NULL AS has_table",
  )) as [{ schema: string | null; has_table: boolean }];
  if (schema === null) throw new StoreSchemaError(`the database ${database.address} has no schema for this role`);
  // Another migration waits here for the end of this one.
  if (has_table) await tx.query('SELECT version FROM schemaversion WHERE version = 0 FOR UPDATE');
  const postgrator = new Postgrator({
    driver: 'pg',
    currentSchema: schema,
    migrationPattern: join(directory, '*.sql'),
    execQuery: async (text) => ({ rows: await tx.query(text) }),
  });
  const before = await postgrator.getDatabaseVersion();
  if (before > target) throw new StoreSchemaError(describeMismatch(database, before));
  await postgrator.migrate(String(target)).catch((error: unknown) => {
    if (error instanceof StoreError) throw error;
    throw new StoreSchemaError(`the database ${database.address} cannot be migrated: ${(error as Error).message}`, {
      cause: error,
    });
  });
  const after = await postgrator.getDatabaseVersion();
  if (after !== target) throw new StoreSchemaError(`${directory} has no migration ${target}`);
  return { before, after };
}
