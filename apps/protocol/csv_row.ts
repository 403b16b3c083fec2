import Papa from 'papaparse';

/** Text that is no row of the protocol's CSV. The message says what is wrong without repeating the text. */
export class CsvSyntaxError extends Error {
  readonly code = 'CSV_SYNTAX';

  constructor(message: string) {
    super(message);
    this.name = 'CsvSyntaxError';
  }
}

/** A field in quotes, inner quotes doubled, whatever else it holds; or one without a quote and without a line break. */
const FIELD = String.raw`(?:"(?:[^"]|"")*"|[^",\r\n]*)`;
const ROW = new RegExp(`${FIELD}(?:,${FIELD})*`, 'y');

/** One row of a text: its fields, and where the next row begins (the text's length behind the last). */
export interface CsvRow {
  readonly fields: readonly string[];
  readonly next: number;
}

/**
 * Reads the row that begins at `start`: RFC 4180 as the protocol has it. The grammar is checked here, because papaparse
 * accepts more (a quote inside an unquoted field, any line break) and drops a byte order mark; papaparse reads what the
 * grammar has let pass.
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

/** The row as it is stored and sent: a field is quoted where it holds a comma or a quote, and only there. */
export function formatCsvRow(fields: readonly string[]): string {
  return fields.map((field) => (/[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',');
}

function parseFields(row: string): string[] {
  // The line break is said, so that it is not guessed from a quoted one; a row of the grammar has no other.
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
