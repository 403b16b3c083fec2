import { stopSignal } from '../runtime/stop_signal';
import { ExitCode } from '../runtime/exit_code';
import { endProcess } from '../runtime/process_end';
import { loadSettings, SettingsError } from '../runtime/settings';
import { writeLine, written } from '../runtime/standard_streams';
import { describeWithFileLimit } from './process/open_file_limit';
import { SERVER_SETTINGS } from './settings';
import { archiveStore } from './storage/files/archive';

/**
 * `make new-draw`: archives the store of SERVER_DATA_DIR, so that the next server begins a new draw. Nothing is
 * deleted. A signal does not interrupt the move.
 */
async function main(): Promise<void> {
  const settings = loadSettings(SERVER_SETTINGS, { defaultFile: 'config/server.ini', environment: process.env });
  const archive = await archiveStore(settings.SERVER_DATA_DIR);
  writeLine(
    process.stdout,
    archive === undefined
      ? `nothing is stored in ${settings.SERVER_DATA_DIR}: the next server begins a new draw`
      : `the bets and the draw of ${settings.SERVER_DATA_DIR} are in ${archive}; the next server begins a new draw`,
  );
}

main().then(
  () => endProcess(ExitCode.done, { results: [written(process.stdout)] }, stopSignal),
  (error: Error) => {
    writeLine(process.stderr, `lottery-new-draw: ${describeWithFileLimit(error)}`);
    const code = error instanceof SettingsError ? ExitCode.unusableSettings : ExitCode.failed;
    return endProcess(code, { logs: [written(process.stderr)] });
  },
);
