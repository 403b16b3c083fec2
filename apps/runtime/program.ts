import { parseArgs, type ParseArgsConfig } from 'node:util';
import { ActionLog, type LogFields, type LogLevel } from './action_log';
import { ExitCode } from './exit_code';
import { LogOutput } from './log_output';
import { parentMessagesWritten } from './parent_process';
import { endProcess } from './process_end';
import { loadSettings, SettingsError, type SettingsOf, type SettingsTable } from './settings';
import { settingsHelp } from './settings_help';
import { writeLine, writeText, written } from './standard_streams';

/** The outputs of a program. */
export interface ProgramOutput {
  readonly log: ActionLog;
  readonly logOutput: LogOutput;
  /** Whether the result goes to stdout as JSON. The log then goes to stderr. */
  readonly json: boolean;
  /** Writes the result to stdout as one line of JSON. */
  printResult(result: object): void;
}

/** A command line program: configured by a file and the environment, with a log, and stopped by a signal. */
export interface Program<Table extends SettingsTable> {
  readonly name: string;
  readonly about: string;
  readonly defaultFile: string;
  readonly settings: Table;
  /** The name of the setting with the log level. */
  readonly logLevelSetting: keyof Table & string;
  /** Settings omitted from the log: a person's data. */
  readonly unlogged?: readonly string[];
  /** Whether it has a result for `--json`. */
  readonly hasResult?: boolean;
  /**
   * Does the program's work.
   *
   * @param stop fires at SIGTERM or SIGINT. The work in flight is finished, all resources are released, and the
   * function returns.
   * @throws SettingsError for a fault found only after the program's composition.
   */
  main(settings: SettingsOf<Table>, output: ProgramOutput, stop: AbortSignal): Promise<ExitCode>;
}

/**
 * Runs a program from its first argument to the end of the process, with the program's exit code. Invalid settings
 * produce one line on stderr; an unexpected error is reported there with its stack.
 *
 * @param stop fires at SIGTERM or SIGINT: see stop_signal.ts.
 */
export async function runProgram<Table extends SettingsTable>(
  program: Program<Table>,
  stop: AbortSignal,
): Promise<void> {
  let logOutput: LogOutput | undefined;
  process.on('uncaughtException', (error) => process.exit(reportError(program.name, error)));
  try {
    const { help, json } = readArguments(program);
    if (help) {
      writeText(process.stdout, helpText(program));
      return await endProcess(ExitCode.done, { results: [written(process.stdout)] }, stop);
    }
    const settings = loadSettings(program.settings, { defaultFile: program.defaultFile, environment: process.env });
    logOutput = new LogOutput(json ? process.stderr : process.stdout);
    const code = await runWithLog(program, settings, logOutput, json, stop);
    const results = [parentMessagesWritten(), ...(json ? [written(process.stdout)] : [])];
    await endProcess(code, { results, logs: [logOutput.written()] }, stop);
  } catch (error) {
    const code = reportError(program.name, error);
    const logs = logOutput === undefined ? [] : [logOutput.written()];
    await endProcess(code, { logs: [written(process.stderr), ...logs] }, stop);
  }
}

async function runWithLog<Table extends SettingsTable>(
  program: Program<Table>,
  settings: SettingsOf<Table>,
  logOutput: LogOutput,
  json: boolean,
  stop: AbortSignal,
): Promise<ExitCode> {
  const level = settings[program.logLevelSetting] as LogLevel;
  const log = new ActionLog(level, logOutput.sink);
  logOutput.onDropped = (lines) => log.error('write_log', 'fail', { dropped_lines: lines });
  logConfiguration(program, settings, level, log);
  const ended = new AbortController();
  logStop(log, stop, ended.signal);

  const printResult = (result: object): void => writeLine(process.stdout, JSON.stringify(result));
  const code = await program.main(settings, { log, logOutput, json, printResult }, stop);
  ended.abort();
  if (code === ExitCode.done) log.info('exit', 'success');
  else log.error('exit', 'fail', { code });
  return code;
}

/** Logs the settings without secrets at DEBUG, or the level alone at INFO, so that the first line shows the level. */
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
    if (program.unlogged?.includes(name) === true || program.settings[name]?.secret === true) continue;
    fields[name] = typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
  log.debug('config', 'success', fields satisfies LogFields);
}

/** Logs the stop, unless the program's work has `ended` by then. */
function logStop(log: ActionLog, stop: AbortSignal, ended: AbortSignal): void {
  const logLine = (): void => log.info('stop', 'in_progress', { signal: String(stop.reason) });
  if (stop.aborted) logLine();
  else stop.addEventListener('abort', logLine, { signal: ended });
}

/** @throws SettingsError for an unknown argument. */
function readArguments(program: { readonly hasResult?: boolean }): { help: boolean; json: boolean } {
  // A start without arguments does not load Node's parser of them, half a millisecond.
  if (process.argv.length <= 2) return { help: false, json: false };
  try {
    const options: ParseArgsConfig['options'] = { help: { type: 'boolean', short: 'h' } };
    if (program.hasResult === true) options['json'] = { type: 'boolean' };
    const { values } = parseArgs({ options, allowPositionals: false });
    return { help: values['help'] === true, json: values['json'] === true };
  } catch (cause) {
    throw new SettingsError(`${(cause as Error).message} (--help lists the options)`, { cause });
  }
}

function helpText<Table extends SettingsTable>(program: Program<Table>): string {
  return [
    `${program.name}: ${program.about}`,
    '',
    ...settingsHelp(program.settings, program.defaultFile),
    '',
    ...(program.hasResult === true ? ['--json prints the result as JSON on stdout; the log goes to stderr.', ''] : []),
    'Exit codes: 0 done, or stopped by SIGTERM or SIGINT; 1 failed; 2 unusable settings.',
    '',
  ].join('\n');
}

/** Reports an error on stderr and returns its exit code. */
function reportError(name: string, error: unknown): ExitCode {
  if (error instanceof SettingsError) {
    writeLine(process.stderr, `${name}: ${error.message}`);
    return ExitCode.unusableSettings;
  }
  writeText(process.stderr, `${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return ExitCode.failed;
}
