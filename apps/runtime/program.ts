import { parseArgs, type ParseArgsConfig } from 'node:util';
import { ActionLog, type LogFields, type LogLevel } from './action_log';
import { ExitCode } from './exit_code';
import { LogOutput } from './log_output';
import { loadSettings, SettingsError, type SettingsOf, type SettingsTable } from './settings';

/** How a program speaks to whoever started it. */
export interface ProgramOutput {
  readonly log: ActionLog;
  readonly logOutput: LogOutput;
  /** Its result is wanted as JSON on stdout; the log goes to stderr then. */
  readonly json: boolean;
}

/** A command line program that is configured by a file and the environment, logs, and is stopped by a signal. */
export interface Program<Table extends SettingsTable> {
  readonly name: string;
  readonly about: string;
  readonly defaultFile: string;
  readonly settings: Table;
  /** The name of the setting that holds the log level. */
  readonly logLevelSetting: keyof Table & string;
  /** Settings that are not written to the log: a person's data. */
  readonly unlogged?: readonly string[];
  /** It has a result that `--json` prints. */
  readonly hasResult?: boolean;
  /**
   * Does the program's work.
   *
   * @param stop fires when the program is asked to end (SIGTERM, SIGINT): finish what is in flight, let go of
   * everything, and return.
   * @throws SettingsError for what only shows once everything is put together.
   */
  main(settings: SettingsOf<Table>, output: ProgramOutput, stop: AbortSignal): Promise<ExitCode>;
}

/**
 * Runs a program from its first argument to its exit code, which becomes the process's. Unusable settings are one line
 * on stderr; what nobody foresaw is reported there with its stack.
 *
 * @param stop fires when the program is asked to end: see stop_signal.ts.
 */
export async function runProgram<Table extends SettingsTable>(
  program: Program<Table>,
  stop: AbortSignal,
): Promise<void> {
  try {
    const wanted = readArguments(program);
    if (wanted.help) {
      process.stdout.write(helpText(program));
      return;
    }
    process.exitCode = await configureAndRun(program, wanted.json, stop);
  } catch (error) {
    const unusable = error instanceof SettingsError;
    process.stderr.write(
      unusable ? `${program.name}: ${error.message}\n` : `${describeUnforeseen(program.name, error)}\n`,
    );
    process.exitCode = unusable ? ExitCode.unusableSettings : ExitCode.failed;
  }
}

async function configureAndRun<Table extends SettingsTable>(
  program: Program<Table>,
  json: boolean,
  stop: AbortSignal,
): Promise<ExitCode> {
  const settings = loadSettings(program.settings, { defaultFile: program.defaultFile, environment: process.env });
  const level = settings[program.logLevelSetting] as LogLevel;
  const logOutput = new LogOutput(json ? process.stderr : process.stdout);
  const log = new ActionLog(level, logOutput.sink);
  logConfiguration(program, settings, level, log);
  logStop(log, stop);

  const code = await program.main(settings, { log, logOutput, json }, stop);
  if (code === ExitCode.done) log.info('exit', 'success');
  else log.error('exit', 'fail', { code });
  return code;
}

/** At DEBUG every setting, at INFO what level is on: the first line tells the two apart. */
function logConfiguration<Table extends SettingsTable>(
  program: Program<Table>,
  settings: SettingsOf<Table>,
  level: LogLevel,
  log: ActionLog,
): void {
  if (!log.isDebugging) {
    log.info('config', 'success', { logging_level: level });
    return;
  }
  const fields: Record<string, string> = {};
  for (const [name, value] of Object.entries(settings)) {
    if (program.unlogged?.includes(name) === true) continue;
    fields[name] = typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
  log.debug('config', 'success', fields satisfies LogFields);
}

function logStop(log: ActionLog, stop: AbortSignal): void {
  const say = (): void => log.info('stop', 'in_progress', { signal: String(stop.reason) });
  if (stop.aborted) say();
  else stop.addEventListener('abort', say);
}

/** @throws SettingsError for an argument that the program does not have. */
function readArguments(program: { readonly hasResult?: boolean }): { help: boolean; json: boolean } {
  try {
    const options: ParseArgsConfig['options'] = { help: { type: 'boolean', short: 'h' } };
    if (program.hasResult === true) options['json'] = { type: 'boolean' };
    const { values } = parseArgs({ options, allowPositionals: false });
    return { help: values['help'] === true, json: values['json'] === true };
  } catch (cause) {
    throw new SettingsError(`${(cause as Error).message} (--help lists what there is)`, { cause });
  }
}

function helpText<Table extends SettingsTable>(program: Program<Table>): string {
  const rows = Object.entries(program.settings).map(([name, { fallback, about }]) => {
    return `  ${name.padEnd(26)}${about}${fallback === undefined ? '' : ` (default: ${fallback})`}`;
  });
  return [
    `${program.name}: ${program.about}`,
    '',
    `Settings, from the section [DEFAULT] of ${program.defaultFile} (CONFIG_FILE names another file); an environment`,
    'variable of the same name wins:',
    ...rows,
    '',
    ...(program.hasResult === true ? ['--json prints the result as JSON on stdout; the log goes to stderr.', ''] : []),
    'Exit codes: 0 done, or stopped by SIGTERM or SIGINT; 1 failed; 2 unusable settings.',
    '',
  ].join('\n');
}

function describeUnforeseen(name: string, error: unknown): string {
  return `${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
