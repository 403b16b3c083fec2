import { stopSignal } from '../runtime/stop_signal';
import { dataOutput, writePieces } from '../runtime/data_output';
import { parseDraw } from './process/draw_option';
import { runServerCommand } from './process/server_command';
import { type ServerSettings } from './settings';
import { readStoredRows } from './storage/files/bets/stored_rows';
import { withNamedDirectory } from './storage/files/named_directory';
import type * as databaseRows from './storage/postgres/stored_rows';
import type * as databaseUse from './storage/postgres/database_use';

/** `make -s export-store`: the bets of either store on stdout. */
void runServerCommand(
  {
    name: 'lottery-export-store',
    about: 'writes the stored bets to stdout, as bets.csv has them; the bets of an agency are in their order.',
    settings: ['SERVER_STORE', 'SERVER_DATA_DIR', 'SERVER_DATABASE_URL', 'SERVER_DATABASE_PASSWORD_FILE'],
    options: { draw: { about: 'N writes the draw of this number instead of the current one (SERVER_STORE=postgres)' } },
    run: ({ settings, options, stop }) => {
      const draw = parseDraw(settings, options['draw']);
      return settings.SERVER_STORE === 'file' ? exportFiles(settings, stop) : exportDatabase(settings, draw, stop);
    },
  },
  stopSignal,
);

async function exportFiles({ SERVER_DATA_DIR: directory }: ServerSettings, stop: AbortSignal): Promise<void> {
  await withNamedDirectory(directory, () => writePieces(readStoredRows(directory, stop), dataOutput(), stop));
}

async function exportDatabase(settings: ServerSettings, named: number | undefined, stop: AbortSignal): Promise<void> {
  // The packages of the database are loaded at these calls: with a store in files they are not needed.
  /* eslint-disable @typescript-eslint/no-require-imports */
  const { useDatabase } = require('./storage/postgres/database_use') as typeof databaseUse;
  const { findDraw, readStoredRows: readRows } = require('./storage/postgres/stored_rows') as typeof databaseRows;
  /* eslint-enable @typescript-eslint/no-require-imports */
  await useDatabase(settings, async (database) => {
    const draw = await findDraw(database, named);
    await writePieces(readRows(database, draw, stop), dataOutput(), stop);
  });
}
