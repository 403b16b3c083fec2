import { join } from 'node:path';
import { type ActionLog } from '../runtime/action_log';
import { ExitCode } from '../runtime/exit_code';
import { runProgram } from '../runtime/program';
import { SettingsError } from '../runtime/settings';
import { stopSignal } from '../runtime/stop_signal';
import { StoreSchemaError } from './domain/store_errors';
import { describeWithFileLimit } from './process/open_file_limit';
import { SERVER_SETTINGS, type ServerSettings } from './settings';
import { Database } from './storage/postgres/database/database';
import { databaseTargetOf } from './storage/postgres/database/database_target';
import { migrateSchema } from './storage/postgres/schema_migration';

/** The SQL files. tools/build.js copies them beside the bundle of the program. */
const DIRECTORY = join(__dirname, 'migrations');

/** A database that is just starting is waited for. */
const WAIT_MS = 10_000;

/**
 * `make migrate`: brings the schema of SERVER_DATABASE_URL to the version of this release. It runs as the role that owns
 * the tables, which the servers' role does not. A signal does not interrupt it.
 */
async function migrate(settings: ServerSettings, log: ActionLog): Promise<ExitCode> {
  const database = new Database(databaseTargetOf(settings), { connections: 1, waitMs: WAIT_MS });
  const fields = { database: database.address };
  try {
    const { before, after } = await migrateSchema(database, DIRECTORY);
    log.info('migrate', 'success', { ...fields, version_before: before, version: after });
    return ExitCode.done;
  } catch (error) {
    if (error instanceof StoreSchemaError) throw new SettingsError(error.message, { cause: error });
    if (error instanceof SettingsError) throw error;
    log.error('migrate', 'fail', { ...fields, error: describeWithFileLimit(error as Error) });
    return ExitCode.failed;
  } finally {
    await database.close();
  }
}

void runProgram(
  {
    name: 'lottery-migrate',
    about: 'brings the schema of the database (SERVER_DATABASE_URL) to the version of this release.',
    defaultFile: 'config/server.ini',
    settings: SERVER_SETTINGS,
    logLevelSetting: 'LOGGING_LEVEL',
    main: (settings, { log }) => migrate(settings, log),
  },
  stopSignal,
);
