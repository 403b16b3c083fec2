import { ExitCode } from '../runtime/exit_code';
import { loadSettings, SettingsError } from '../runtime/settings';
import { SERVER_SETTINGS } from './settings';
import { archiveStore } from './storage/archive';

/** `make new-draw`: puts the store of SERVER_DATA_DIR aside, so that the next server begins anew. It deletes nothing. */
async function main(): Promise<void> {
  const settings = loadSettings(SERVER_SETTINGS, { defaultFile: 'config/server.ini', environment: process.env });
  const archive = await archiveStore(settings.SERVER_DATA_DIR);
  process.stdout.write(
    archive === undefined
      ? `nothing is stored in ${settings.SERVER_DATA_DIR}: the next server begins a new draw\n`
      : `the bets and the draw of ${settings.SERVER_DATA_DIR} are in ${archive}; the next server begins a new draw\n`,
  );
}

main().catch((error: Error) => {
  process.stderr.write(`lottery-new-draw: ${error.message}\n`);
  process.exitCode = error instanceof SettingsError ? ExitCode.unusableSettings : ExitCode.failed;
});
