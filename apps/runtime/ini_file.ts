import { unsafe } from 'ini';
import { CodedError } from './coded_error';

/** A line of an ini file with content. `line` is its number, starting at 1. */
export type IniLine = IniSection | IniSetting;

/** `[NAME]`, the beginning of a section. */
export interface IniSection {
  readonly kind: 'section';
  readonly name: string;
  readonly line: number;
}

/** `NAME = value` */
export interface IniSetting {
  readonly kind: 'setting';
  readonly name: string;
  readonly value: string;
  readonly line: number;
}

/** A line that is neither empty, a comment, a section nor a setting. The message does not contain the line number. */
export class IniSyntaxError extends CodedError {
  readonly code = 'INI_SYNTAX';

  constructor(
    readonly line: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const IGNORED = /^\s*(?:[;#]|$)/;
const SECTION = /^\[([^\]]*)\](?:\s+[;#].*)?$/s;
const SETTING = /^([^=]*)=(.*)$/s;

/**
 * Reads an ini file strictly: no line is skipped, and each value is text (no lists, no nested sections, no types). The
 * format has many dialects, and the parser of the `ini` package never rejects a line. Only its reader of values is
 * used, behind a check that makes each value unambiguous. The dialect:
 *
 * - a line that begins with `;` or `#`, and the rest of a line behind white space and `;` or `#`: a comment;
 * - `[NAME]`: the section of the lines below;
 * - `NAME = value`, without the white space around both. In the value `\;`, `\#` and `\\` stand for the second
 * character;
 * - `NAME = "value"` with the escapes of JSON.
 *
 * @throws IniSyntaxError
 */
export function* readIni(text: string): Generator<IniLine> {
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    if (!IGNORED.test(line)) yield readLine(line.trim(), index + 1);
  }
}

function readLine(text: string, line: number): IniLine {
  return text.startsWith('[') ? readSection(text, line) : readSetting(text, line);
}

function readSection(text: string, line: number): IniSection {
  const match = SECTION.exec(text);
  if (match !== null) return { kind: 'section', name: match[1]!.trim(), line };
  throw new IniSyntaxError(line, `${quote(text)} is no section: a section is written [NAME]`);
}

function readSetting(text: string, line: number): IniSetting {
  const match = SETTING.exec(text);
  if (match === null) {
    throw new IniSyntaxError(line, `${quote(text)} is no setting: a setting is written NAME = value`);
  }
  const name = match[1]!.trim();
  if (name === '') throw new IniSyntaxError(line, 'no name stands before "="');
  return { kind: 'setting', name, value: readValue(name, match[2]!.trim(), line), line };
}

const QUOTED = /^("(?:[^"\\]|\\.)*")(?:\s+[;#].*)?$/s;

function readValue(name: string, text: string, line: number): string {
  if (text.startsWith("'")) {
    throw new IniSyntaxError(line, `the value of ${name} stands in single quotes: write it in double quotes`);
  }
  return text.startsWith('"') ? readQuoted(name, text, line) : readUnquoted(name, text, line);
}

function readQuoted(name: string, text: string, line: number): string {
  const quoted = QUOTED.exec(text)?.[1];
  if (quoted === undefined) {
    throw new IniSyntaxError(line, `the value of ${name} has quotes that are not closed, or text behind them`);
  }
  const value = unsafe(quoted);
  if (value === quoted) throw new IniSyntaxError(line, `the value of ${name} has an escape that JSON does not have`);
  if (value.isWellFormed()) return value;
  throw new IniSyntaxError(line, `the value of ${name} holds a lone surrogate`);
}

const COMMENT = /(?:^|\s)[;#]/;
const UP_TO_A_BARE_SIGN = /^(?:[^\\;#]|\\.|\\$)*/s;

function readUnquoted(name: string, text: string, line: number): string {
  const value = text.slice(0, COMMENT.exec(text)?.index).trimEnd();
  const { length } = UP_TO_A_BARE_SIGN.exec(value)![0];
  if (length === value.length) return unsafe(value);
  const fault = `"${value[length]}" stands inside the value of ${name}`;
  throw new IniSyntaxError(line, `${fault}: write the value in quotes, or white space before a comment`);
}

const QUOTED_CHARACTERS = 60;

function quote(text: string): string {
  return JSON.stringify(text.length > QUOTED_CHARACTERS ? `${text.slice(0, QUOTED_CHARACTERS)}…` : text);
}
