import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { CodedError } from './coded_error';
import { type IniLine, IniSyntaxError, readIni } from './ini_file';
import { printable } from './printable';

/** One setting of a program: its parser, its default, and its description for `--help`. */
export interface Setting<Value> {
  /** Converts the text of the file or the environment to the value. Its issues are sentences for the operator. */
  readonly schema: v.GenericSchema<string, Value>;
  /** The text used for an absent setting, or undefined if absence is a value of its own. */
  readonly fallback: string | undefined;
  readonly about: string;
  /** Whether the text may contain a password. It then appears in no log line and in no error. */
  readonly secret?: boolean;
}

export type SettingsTable = Readonly<Record<string, Setting<unknown>>>;

/** The values of a table's settings. A setting without a fallback may be undefined. */
export type SettingsOf<Table extends SettingsTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Setting<infer Value>
    ? Table[Name] extends { readonly fallback: string }
      ? Value
      : Value | undefined
    : never;
};

/**
 * An invalid setting or settings file. The message is one printable line for the operator. A database's URL, which may
 * contain a password, is cut out of it, also where the URL stands in a wrong place of a file.
 */
export class SettingsError extends CodedError {
  readonly code = 'UNUSABLE_SETTINGS';

  constructor(message: string, options?: ErrorOptions) {
    super(printable(message.replace(DATABASE_URL, '$1…')), options);
  }
}

const DATABASE_URL = /(\bpostgres(?:ql)?:\/\/).+/is;

/** The sources of a program's settings. */
export interface SettingsSources {
  /** The file used if the environment names none. It may be missing. */
  readonly defaultFile: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const SECTION = 'DEFAULT';

/** The text of a setting, and its place: a line of a file, or a word. */
interface SettingText {
  readonly text: string;
  readonly place: string;
}

/**
 * Reads the settings from the section `[DEFAULT]` of the ini file (`CONFIG_FILE`, or the default file). An environment
 * variable of the same name takes precedence; a setting in neither has its fallback.
 *
 * @throws SettingsError with the setting, its place and the fault.
 */
export function loadSettings<Table extends SettingsTable>(table: Table, sources: SettingsSources): SettingsOf<Table> {
  const file = sources.environment['CONFIG_FILE'] ?? sources.defaultFile;
  const content = readText(file, { mayBeMissing: sources.environment['CONFIG_FILE'] === undefined });
  const fromFile = content === undefined ? new Map<string, SettingText>() : readSettings(table, file, content);

  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(table)) {
    const fromEnvironment = sources.environment[name];
    const found = fromEnvironment === undefined ? fromFile.get(name) : { text: fromEnvironment, place: 'environment' };
    const text = found?.text ?? setting.fallback;
    if (text !== undefined) values[name] = parseSetting(name, setting, text, found?.place ?? 'default');
  }
  return values as SettingsOf<Table>;
}

function parseSetting(name: string, setting: Setting<unknown>, text: string, place: string): unknown {
  const result = v.safeParse(setting.schema, text);
  if (result.success) return result.output;
  const fault = `${place}: ${name} ${result.issues[0].message}`;
  throw new SettingsError(setting.secret === true ? fault : `${fault}, but is ${JSON.stringify(text)}`);
}

/** The settings of a file, by name. A repeated setting is rejected, as in Python's configparser. */
function readSettings(table: SettingsTable, file: string, content: string): Map<string, SettingText> {
  const settings = new Map<string, SettingText>();
  let isInSection = false;
  for (const line of readLines(file, content)) {
    const { kind, name } = line;
    const place = `${file}:${line.line}`;
    if (kind === 'section') {
      if (name !== SECTION)
        throw new SettingsError(`${place}: unknown section [${name}]; settings stand in [${SECTION}]`);
      isInSection = true;
      continue;
    }
    if (!isInSection) throw new SettingsError(`${place}: ${name} stands outside of the section [${SECTION}]`);
    if (!Object.hasOwn(table, name)) throw new SettingsError(`${place}: unknown setting ${name}`);
    const earlier = settings.get(name);
    if (earlier !== undefined) throw new SettingsError(`${place}: ${name} stands in ${earlier.place} already`);
    settings.set(name, { text: line.value, place });
  }
  return settings;
}

function* readLines(file: string, content: string): Generator<IniLine> {
  try {
    yield* readIni(content);
  } catch (cause) {
    if (!(cause instanceof IniSyntaxError)) throw cause;
    throw new SettingsError(`${file}:${cause.line}: ${cause.message}`, { cause });
  }
}

function readText(file: string, options: { mayBeMissing: boolean }): string | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' && options.mayBeMissing) return undefined;
    throw new SettingsError(`the settings file ${file} cannot be read: ${message}`, { cause });
  }
  if (!isUtf8(bytes)) throw new SettingsError(`the settings file ${file} is not UTF-8`);
  // Some editors begin a file with a byte order mark, which would hide the section's name.
  return bytes.toString('utf8').replace(/^\uFEFF/, '');
}
