import { stopSignal } from '../runtime/stop_signal';
import { SettingsError } from '../runtime/settings';
import { parseDraw } from './process/draw_option';
import { runServerCommand } from './process/server_command';
import { type ServerSettings } from './settings';
import { eraseArchive } from './storage/files/erasure';
import { withNamedDirectory } from './storage/files/named_directory';
import type * as databaseUse from './storage/postgres/database_use';
import type * as drawErasure from './storage/postgres/draw_erasure';

/** For the bets of a large draw, all in one statement. In milliseconds. */
const DATABASE_TIMEOUT_MS = 3_600_000;

/** `make erase-draw`. The current draw cannot be erased, and a signal does not interrupt it. */
void runServerCommand(
  {
    name: 'lottery-erase-draw',
    about: 'erases the bets of a draw that was put aside by new-draw, with all names and documents, for good.',
    settings: ['SERVER_STORE', 'SERVER_DATA_DIR', 'SERVER_DATABASE_URL', 'SERVER_DATABASE_PASSWORD_FILE'],
    options: { draw: { about: 'NAME is the archive (archive-…Z) in the data directory, or the number of the draw' } },
    async run({ settings, options, print }) {
      const { draw } = options;
      if (draw === undefined)
        throw new SettingsError('--draw NAME is required: the archive, or the number of the draw');
      print(settings.SERVER_STORE === 'file' ? await eraseFiles(settings, draw) : await eraseRows(settings, draw));
    },
  },
  stopSignal,
);

async function eraseFiles({ SERVER_DATA_DIR: directory }: ServerSettings, name: string): Promise<string> {
  const kept = await withNamedDirectory(directory, () => eraseArchive(directory, name));
  return `the bets of ${name} in ${directory} are erased${kept.length === 0 ? '' : `; it still has ${kept.join(', ')}`}`;
}

async function eraseRows(settings: ServerSettings, text: string): Promise<string> {
  const draw = parseDraw(settings, text)!;
  // The packages of the database are loaded at these calls: with a store in files they are not needed.
  /* eslint-disable @typescript-eslint/no-require-imports */
  const { useDatabase } = require('./storage/postgres/database_use') as typeof databaseUse;
  const { eraseDraw } = require('./storage/postgres/draw_erasure') as typeof drawErasure;
  /* eslint-enable @typescript-eslint/no-require-imports */
  return useDatabase(
    settings,
    async (database) => {
      const bets = await eraseDraw(database, draw);
      return `the ${bets} bets of draw ${draw} in ${database.address} are erased, with its winners; its record stays`;
    },
    DATABASE_TIMEOUT_MS,
  );
}
