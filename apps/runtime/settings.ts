import { readFileSync } from 'node:fs';
import { parse as parseIni } from 'ini';
import * as v from 'valibot';
import { printable } from './printable';

/** One setting of a program: how its text is read, what it is when absent, and what `--help` says of it. */
export interface Setting<Value> {
  /** From the text in the file or the environment to the value; its issues are sentences for the operator. */
  readonly schema: v.GenericSchema<string, Value>;
  /** The text that stands for an absent setting; undefined where absence is a value of its own. */
  readonly fallback: string | undefined;
  readonly about: string;
}

export type SettingsTable = Readonly<Record<string, Setting<unknown>>>;

/** The values that a table describes. A setting without a fallback may be undefined. */
export type SettingsOf<Table extends SettingsTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Setting<infer Value>
    ? Table[Name] extends { readonly fallback: string }
      ? Value
      : Value | undefined
    : never;
};

/** A setting or a settings file that cannot be used. Its message is one printable line, made for the operator. */
export class SettingsError extends Error {
  readonly code = 'UNUSABLE_SETTINGS';

  constructor(message: string, options?: ErrorOptions) {
    super(printable(message), options);
    this.name = 'SettingsError';
  }
}

/** Where the settings of a program come from. */
export interface SettingsSources {
  /** The file that is read where the environment names none; it may be missing. */
  readonly defaultFile: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const SECTION = 'DEFAULT';

/**
 * Reads the settings: from the section `[DEFAULT]` of the ini file (`CONFIG_FILE`, or the default one), each overruled
 * by the environment variable of the same name, each with its fallback where it is in neither.
 *
 * @throws SettingsError naming the setting, where it stands and what is wrong with it.
 */
export function loadSettings<Table extends SettingsTable>(table: Table, sources: SettingsSources): SettingsOf<Table> {
  const file = sources.environment['CONFIG_FILE'] ?? sources.defaultFile;
  const fromFile = readSection(file, { mayBeMissing: sources.environment['CONFIG_FILE'] === undefined });
  for (const name of Object.keys(fromFile)) {
    if (!Object.hasOwn(table, name)) throw new SettingsError(`${file}: unknown setting ${name}`);
  }

  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(table)) {
    const fromEnvironment = sources.environment[name];
    const text = fromEnvironment ?? fromFile[name] ?? setting.fallback;
    if (text === undefined) continue;
    const origin = fromEnvironment !== undefined ? 'environment' : fromFile[name] !== undefined ? file : 'default';
    values[name] = parseSetting(name, setting, text, origin);
  }
  return values as SettingsOf<Table>;
}

function parseSetting(name: string, setting: Setting<unknown>, text: string, origin: string): unknown {
  const result = v.safeParse(setting.schema, text);
  if (result.success) return result.output;
  throw new SettingsError(`${origin}: ${name} ${result.issues[0].message}, but is ${JSON.stringify(text)}`);
}

function readSection(file: string, options: { mayBeMissing: boolean }): Record<string, string> {
  const content = readText(file, options);
  if (content === undefined) return {};
  const sections: Record<string, unknown> = parseIni(content);
  for (const [name, value] of Object.entries(sections)) {
    if (typeof value !== 'object')
      throw new SettingsError(`${file}: ${name} stands outside of the section [${SECTION}]`);
    if (name !== SECTION) throw new SettingsError(`${file}: unknown section [${name}]; settings stand in [${SECTION}]`);
  }
  const section = (sections[SECTION] ?? {}) as Record<string, unknown>;
  for (const [name, value] of Object.entries(section)) {
    if (typeof value === 'object' && value !== null) throw new SettingsError(`${file}: ${name} is not a single value`);
  }
  return Object.fromEntries(Object.entries(section).map(([name, value]) => [name, String(value)]));
}

function readText(file: string, options: { mayBeMissing: boolean }): string | undefined {
  try {
    // Some editors begin a file with a byte order mark, which would hide the section's name.
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' && options.mayBeMissing) return undefined;
    throw new SettingsError(`the settings file ${file} cannot be read: ${message}`, { cause });
  }
}
