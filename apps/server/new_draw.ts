import { stopSignal } from '../runtime/stop_signal';
import { runServerCommand } from './process/server_command';
import { type ServerSettings } from './settings';
import { archiveStore } from './storage/files/archive';
import { withNamedDirectory } from './storage/files/named_directory';
import { type Database } from './storage/postgres/database/database';
import type * as databaseUse from './storage/postgres/database_use';
import type * as drawArchive from './storage/postgres/draw_archive';

/** For the agencies of a large draw, all in one statement. In milliseconds. */
const DATABASE_TIMEOUT_MS = 60_000;

/** `make new-draw`. Nothing is deleted, and a signal does not interrupt it. */
void runServerCommand(
  {
    name: 'lottery-new-draw',
    about: 'puts the stored bets and the draw aside, so that the next server begins a new draw.',
    settings: ['SERVER_STORE', 'SERVER_DATA_DIR', 'SERVER_DATABASE_URL', 'SERVER_DATABASE_PASSWORD_FILE'],
    async run({ settings, print }) {
      print(settings.SERVER_STORE === 'file' ? await archiveInFiles(settings) : await archiveInDatabase(settings));
    },
  },
  stopSignal,
);

async function archiveInFiles({ SERVER_DATA_DIR: directory }: ServerSettings): Promise<string> {
  const archive = await withNamedDirectory(directory, () => archiveStore(directory));
  return archive === undefined
    ? `nothing is stored in ${directory}: the next server begins a new draw`
    : `the bets and the draw of ${directory} are in ${archive}; the next server begins a new draw`;
}

async function archiveInDatabase(settings: ServerSettings): Promise<string> {
  // The packages of the database are loaded at these calls: with a store in files they are not needed.
  /* eslint-disable @typescript-eslint/no-require-imports */
  const { useDatabase } = require('./storage/postgres/database_use') as typeof databaseUse;
  const { archiveDraw } = require('./storage/postgres/draw_archive') as typeof drawArchive;
  /* eslint-enable @typescript-eslint/no-require-imports */
  const describe = async (database: Database): Promise<string> => {
    const archived = await archiveDraw(database);
    if (archived === undefined) return `no draw is open in ${database.address}: the next server begins one`;
    const { draw, isHeld, finished, agencies, bets } = archived;
    const state = `${isHeld ? 'held' : 'not held'}, ${finished} of ${agencies} agencies finished, ${bets} bets`;
    return `draw ${draw} of ${database.address} is put aside (${state}); the next server begins a new draw`;
  };
  return useDatabase(settings, describe, DATABASE_TIMEOUT_MS);
}
