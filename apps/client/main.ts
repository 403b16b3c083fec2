import { stopSignal } from '../runtime/stop_signal';
import { type ProgramOutput, runProgram } from '../runtime/program';
import { type ExitCode } from '../runtime/exit_code';
import { type Agency } from './agencies/agency';
import { RunResult } from './agencies/run_result';
import { countRows } from './bets/count_rows';
import { DataFile } from './bets/data_file';
import { createClientContainer } from './container';
import { type ProgressListener } from './progress/progress';
import type * as progressBar from './progress/progress_bar';
import { BET_SETTINGS, betOfSettings, CLIENT_SETTINGS, type ClientSettings, dataFileOf } from './settings';
import { TOKENS } from './tokens';

void runProgram(
  {
    name: 'lottery-client',
    about: "uploads an agency's bets and receives its winners; with the five settings of a bet, places only that bet.",
    defaultFile: 'config/client.ini',
    settings: CLIENT_SETTINGS,
    logLevelSetting: 'CLI_LOG_LEVEL',
    unlogged: BET_SETTINGS,
    hasResult: true,
    main: runClient,
  },
  stopSignal,
);

async function runClient(settings: ClientSettings, output: ProgramOutput, stop: AbortSignal): Promise<ExitCode> {
  const result = new RunResult(settings.CLI_ID);
  const listeners: ProgressListener[] = [result];
  if (process.stdout.isTTY && !output.json) listeners.push(...(await createProgressBar(settings, output, stop)));
  const code = await createClientContainer(settings, output.log, listeners).get<Agency>(TOKENS.Agency).run(stop);
  if (output.json) output.printResult(result.report(performance.now()));
  return code;
}

/** A bar for an agency with a file; none if the file cannot be read, because the agency reports that. */
async function createProgressBar(
  settings: ClientSettings,
  { logOutput }: ProgramOutput,
  stop: AbortSignal,
): Promise<ProgressListener[]> {
  if (betOfSettings(settings) !== undefined) return [];
  const total = await countRows(new DataFile(dataFileOf(settings)), stop).catch(() => undefined);
  if (total === undefined) return [];
  // Its own bundle (tools/build.js, docs/decisions/0008): a client without a terminal does not load it.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { ProgressBar } = require('./progress/progress_bar') as typeof progressBar;
  return [new ProgressBar(settings.CLI_ID, total, logOutput)];
}
