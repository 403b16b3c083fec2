import { stopSignal } from '../runtime/stop_signal';
import 'reflect-metadata/lite';
import { Container } from 'inversify';
import { ActionLog } from '../runtime/action_log';
import { NO_OBSERVER } from './domain/store_observer';
import { type CommandContext, runServerCommand } from './process/server_command';
import { type ServerSettings } from './settings';
import { type FileStore } from './storage/files/file_store';
import { createFilesModule } from './storage/files/files_module';
import { withNamedDirectory } from './storage/files/named_directory';
import { type Database } from './storage/postgres/database/database';
import { useDatabase } from './storage/postgres/database_use';
import { importStore } from './storage/postgres/store_import';
import { TOKENS } from './tokens';

/** The COMMIT of a large store may wait long for a standby. In milliseconds. */
const DATABASE_TIMEOUT_MS = 600_000;

const PROGRESS_INTERVAL_MS = 10_000;

/** `make import-store`: copies the files of a stopped server into PostgreSQL. The files stay as they are. */
void runServerCommand(
  {
    name: 'lottery-import-store',
    about: 'copies the store of a data directory, whose server has stopped, into an empty PostgreSQL database.',
    settings: [
      'SERVER_DATA_DIR',
      'SERVER_AGENCIES',
      'SERVER_WINNING_NUMBER',
      'SERVER_DATABASE_URL',
      'SERVER_DATABASE_PASSWORD_FILE',
    ],
    // The quick checks of the database come before those of all bytes of the files.
    run: (context) => useDatabase(context.settings, (database) => copyStore(database, context), DATABASE_TIMEOUT_MS),
  },
  stopSignal,
);

function composeFileStore(settings: ServerSettings): FileStore {
  const container = new Container({ defaultScope: 'Singleton' });
  container.bind(TOKENS.ExpectedAgencies).toConstantValue(settings.SERVER_AGENCIES);
  container.bind(TOKENS.WinningNumber).toConstantValue(settings.SERVER_WINNING_NUMBER);
  // A reader of a store has nothing to log: its failures are errors.
  container.bind(TOKENS.ActionLog).toConstantValue(new ActionLog('CRITICAL', () => {}));
  container.bind(TOKENS.StoreObserver).toConstantValue(NO_OBSERVER);
  container.load(createFilesModule(settings.SERVER_DATA_DIR));
  return container.get<FileStore>(TOKENS.Store);
}

async function copyStore(database: Database, { settings, print, stop }: CommandContext): Promise<void> {
  const { SERVER_DATA_DIR: directory } = settings;
  const store = composeFileStore(settings);
  await withNamedDirectory(directory, () => store.openUnchanged(stop));
  try {
    const { content } = store;
    const total = Array.from(content.counts.values()).reduce((sum, count) => sum + count, 0);
    await importStore(database, content, stop, progressPrinter(total, print));
    const { isHeld, finishes, terms } = content;
    const state = `${isHeld ? 'held' : 'not held'}, ${finishes.size} of ${terms.agencies} agencies finished`;
    print(`${total} bets of ${directory} are in ${database.address} as draw 1 (${state}); the files are unchanged`);
  } finally {
    await store.close();
  }
}

function progressPrinter(total: number, print: (line: string) => void): (bets: number) => void {
  let printedAt = performance.now();
  return (bets) => {
    if (performance.now() - printedAt < PROGRESS_INTERVAL_MS) return;
    printedAt = performance.now();
    print(`${bets} of ${total} bets are copied`);
  };
}
