import { type SettingsTable } from './settings';

/** The part of a `--help` text about settings: their sources, then a line for each one. */
export function settingsHelp(table: SettingsTable, defaultFile: string): readonly string[] {
  const width = Math.max(...Object.keys(table).map((name) => name.length)) + 2;
  return [
    `Settings, from the section [DEFAULT] of ${defaultFile} (CONFIG_FILE names another file); an environment`,
    'variable of the same name has precedence:',
    ...Object.entries(table).map(([name, { fallback, about }]) => {
      return `  ${name.padEnd(width)}${about}${fallback === undefined ? '' : ` (default: ${fallback})`}`;
    }),
  ];
}
