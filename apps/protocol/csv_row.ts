import Papa from 'papaparse';
import { CodedError } from '../runtime/coded_error';

/** Text that is no row of the protocol's CSV. The message gives the fault without repeating the text. */
export class CsvSyntaxError extends CodedError {
  readonly code = 'CSV_SYNTAX';
}

/** A quoted field with inner quotes doubled, or an unquoted field without quotes and line breaks. */
const FIELD = String.raw`(?:"(?:[^"]|"")*"|[^",\r\n]*)`;
const ROW = new RegExp(`${FIELD}(?:,${FIELD})*`, 'y');

/** One row of a text: its fields, and the offset of the next row (the length of the text for the last row). */
export interface CsvRow {
  readonly fields: readonly string[];
  readonly next: number;
}

/**
 * Reads the row at offset `start`, in the protocol's form of RFC 4180. The grammar is checked here, because papaparse
 * accepts more (a quote inside an unquoted field, any line break) and drops a byte order mark. papaparse then reads the
 * checked row.
 *
 * @throws CsvSyntaxError
 */
export function readCsvRow(text: string, start: number): CsvRow {
  ROW.lastIndex = start;
  const row = ROW.exec(text)![0];
  const end = start + row.length;
  if (end === text.length) return { fields: parseFields(row), next: end };
  if (text.startsWith('\n', end)) return { fields: parseFields(row), next: end + 1 };
  if (text.startsWith('\r\n', end)) return { fields: parseFields(row), next: end + 2 };
  throw new CsvSyntaxError(describeBreak(text, end));
}

/** Formats a row for storage and sending. Only fields with a comma or a quote are quoted. */
export function formatCsvRow(fields: readonly string[]): string {
  return fields.map((field) => (/[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',');
}

function parseFields(row: string): string[] {
  // Without quotes, each comma of a checked row is between two fields.
  if (!row.includes('"')) return row.split(',');
  // The explicit line break prevents a guess from a quoted one; a row has no other.
  const { data } = Papa.parse<string[]>(row, { delimiter: ',', newline: '\n', quoteChar: '"', escapeChar: '"' });
  const fields = data[0] ?? [''];
  return row.startsWith('\uFEFF') ? [`\uFEFF${fields[0]}`, ...fields.slice(1)] : fields;
}

function describeBreak(text: string, at: number): string {
  if (text[at] === '\r') return 'a carriage return without a line feed';
  return text[at] === '"'
    ? 'a quote inside a field that does not begin with one, or a quoted field that is not closed'
    : 'text behind the closing quote of a field';
}
