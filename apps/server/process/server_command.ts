import { parseArgs } from 'node:util';
import { ExitCode } from '../../runtime/exit_code';
import { endProcess } from '../../runtime/process_end';
import { loadSettings, SettingsError, type SettingsTable } from '../../runtime/settings';
import { settingsHelp } from '../../runtime/settings_help';
import { writeLine, writeText, written } from '../../runtime/standard_streams';
import { StoreConflictError, StoreLocationError, StoreSchemaError } from '../domain/store_errors';
import { SERVER_SETTINGS, type ServerSettings } from '../settings';
import { describeWithFileLimit } from './open_file_limit';

const SETTINGS_FILE = 'config/server.ini';

/** Errors with the exit code of unusable settings, as at the start of a server. */
const UNUSABLE_SETTINGS = [SettingsError, StoreConflictError, StoreLocationError, StoreSchemaError];

/** The arguments of a command's work. */
export interface CommandContext {
  readonly settings: ServerSettings;
  /** The values of the given options, by name. */
  readonly options: Readonly<Record<string, string | undefined>>;
  /** Fires at SIGTERM or SIGINT. */
  readonly stop: AbortSignal;
  /** Writes a line to stdout. */
  readonly print: (line: string) => void;
}

/** A program beside the server, with the settings of the server. It does one task and ends. */
export interface ServerCommand {
  readonly name: string;
  readonly about: string;
  /** The names of its settings, for `--help`. */
  readonly settings: readonly (keyof ServerSettings)[];
  /** The options with a value, for example `draw` with `about` for `--draw`. */
  readonly options?: Readonly<Record<string, { readonly about: string }>>;
  /** Does the work. A rejection is one line on stderr, and exit code 1 or 2. */
  run(context: CommandContext): Promise<void>;
}

/** Runs a command from its first argument to the end of the process. */
export async function runServerCommand(command: ServerCommand, stop: AbortSignal): Promise<void> {
  let code: ExitCode = ExitCode.done;
  try {
    await runOrHelp(command, stop);
  } catch (error) {
    code = UNUSABLE_SETTINGS.some((kind) => error instanceof kind) ? ExitCode.unusableSettings : ExitCode.failed;
    report(command, error as Error);
  }
  await endProcess(code, { results: [written(process.stdout)], logs: [written(process.stderr)] }, stop);
}

async function runOrHelp(command: ServerCommand, stop: AbortSignal): Promise<void> {
  const { help, ...options } = readArguments(command);
  if (help === true) {
    writeText(process.stdout, helpText(command));
    return;
  }
  const settings = loadSettings(SERVER_SETTINGS, { defaultFile: SETTINGS_FILE, environment: process.env });
  await command.run({
    settings,
    options: options as CommandContext['options'],
    stop,
    print: (line) => writeLine(process.stdout, line),
  });
}

/** @throws SettingsError for an unknown argument. */
function readArguments({ options = {} }: ServerCommand): Readonly<Record<string, string | boolean | undefined>> {
  const named = Object.keys(options).map((name) => [name, { type: 'string' }] as const);
  try {
    return parseArgs({ options: { ...Object.fromEntries(named), help: { type: 'boolean', short: 'h' } } }).values;
  } catch (cause) {
    const message = (cause as Error).message.replaceAll(/\s+/g, ' ');
    throw new SettingsError(`${message} (--help lists the options)`, { cause });
  }
}

function helpText({ name, about, settings, options = {} }: ServerCommand): string {
  const table: SettingsTable = Object.fromEntries(settings.map((setting) => [setting, SERVER_SETTINGS[setting]]));
  const lines = Object.entries(options).map(([option, { about: text }]) => `--${option} ${text}`);
  return [
    `${name}: ${about}`,
    '',
    ...settingsHelp(table, SETTINGS_FILE),
    '',
    ...(lines.length === 0 ? [] : [...lines, '']),
    'Exit codes: 0 done; 1 failed, or stopped before its end; 2 unusable settings.',
    '',
  ].join('\n');
}

/** One line on stderr. The stack of an error without a code follows: it is a defect of the program. */
function report({ name }: ServerCommand, error: Error): void {
  if ('code' in error) writeLine(process.stderr, `${name}: ${describeWithFileLimit(error)}`);
  else writeText(process.stderr, `${name}: ${error.stack ?? error.message}\n`);
}
