import { parseArgs, type ParseArgsConfig } from 'node:util';
import { ActionLog, type LogFields, type LogLevel } from './action_log';
import { ExitCode } from './exit_code';
import { LogOutput } from './log_output';
import { parentMessagesWritten } from './parent_process';
import { endProcess } from './process_end';
import { loadSettings, SettingsError, type SettingsOf, type SettingsTable } from './settings';
import { writeLine, writeText, written } from './standard_streams';

/** How a program speaks to whoever started it. */
export interface ProgramOutput {
  readonly log: ActionLog;
  readonly logOutput: LogOutput;
  /** Its result is wanted as JSON on stdout; the log goes to stderr then. */
  readonly json: boolean;
  /** Writes the result to stdout as one line of JSON. */
  printResult(result: object): void;
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
 * Runs a program from its first argument to the end of the process, with the program's exit code. Unusable settings are one
 * line on stderr; an unforeseen error is reported there with its stack.
 *
 * @param stop fires when the program is asked to end: see stop_signal.ts.
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

/** Logs the stop, unless the program's work has `ended` by then. */
function logStop(log: ActionLog, stop: AbortSignal, ended: AbortSignal): void {
  const say = (): void => log.info('stop', 'in_progress', { signal: String(stop.reason) });
  if (stop.aborted) say();
  else stop.addEventListener('abort', say, { signal: ended });
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

/** Reports an error on stderr; returns the exit code for it. */
function reportError(name: string, error: unknown): ExitCode {
  if (error instanceof SettingsError) {
    writeLine(process.stderr, `${name}: ${error.message}`);
    return ExitCode.unusableSettings;
  }
  writeText(process.stderr, `${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return ExitCode.failed;
}
