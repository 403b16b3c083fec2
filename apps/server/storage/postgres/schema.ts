import { StoreSchemaError } from '../../domain/store_errors';
import { type Database } from './database/database';
import { StatementError } from './database/database_errors';

/** The version of the schema that this program works with: the number of the last migration. */
export const SCHEMA_VERSION = 4;

const UNDEFINED_TABLE = '42P01';

/**
 * Checks that the database has the schema of this program.
 *
 * @throws StoreSchemaError it has another one, or none.
 * @throws StoreError the database cannot be read.
 */
export async function requireKnownSchema(database: Database): Promise<void> {
  const version = await readVersion(database);
  if (version !== SCHEMA_VERSION) throw new StoreSchemaError(describeMismatch(database, version));
}

/** The version of the database's schema; 0 if it has none. */
async function readVersion(database: Database): Promise<number> {
  try {
    const [row] = await database.query<{ version: number | null }>('SELECT max(version) AS version FROM schemaversion');
    return row?.version ?? 0;
  } catch (error) {
    if (error instanceof StatementError && error.sqlState === UNDEFINED_TABLE) return 0;
    throw error;
  }
}

/** The operator's next step for a schema of another version. */
export function describeMismatch({ address }: Database, version: number): string {
  if (version === 0) return `the database ${address} has no schema yet: run make migrate`;
  const versions = `the schema of the database ${address} has version ${version}, and this program needs ${SCHEMA_VERSION}`;
  return version < SCHEMA_VERSION ? `${versions}: run make migrate` : `${versions}: run a newer release`;
}
