import { type ServerSettings } from '../../settings';
import { Database } from './database/database';
import { databaseTargetOf } from './database/database_target';
import { requireKnownSchema } from './schema';

/** Two: an export reads a page during the write of the one before. */
const CONNECTIONS = 2;

/**
 * Opens the database of the settings for a program beside the servers, checks its schema, and closes it at the end of
 * the work.
 *
 * @param timeoutMs the time limit of each statement, in milliseconds.
 * @throws SettingsError SERVER_DATABASE_URL or the password's file has a fault.
 * @throws StoreSchemaError the database has another schema, or none.
 * @throws StoreError the database cannot be read, or the work failed.
 */
export async function useDatabase<T>(
  settings: ServerSettings,
  work: (database: Database) => Promise<T>,
  timeoutMs?: number,
): Promise<T> {
  const limits = timeoutMs === undefined ? {} : { timeoutMs };
  const database = new Database(databaseTargetOf(settings), { connections: CONNECTIONS, ...limits });
  try {
    await requireKnownSchema(database);
    return await work(database);
  } finally {
    await database.close();
  }
}
