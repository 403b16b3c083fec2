import { isUtf8 } from 'node:buffer';
import { decodeUtf8 } from '../../lib/index';
import { type Bet, findFaultInBet } from './bet';
import { parseCanonicalNumber } from './canonical_number';
import { type CsvRow, CsvSyntaxError, formatCsvRow, readCsvRow } from './csv_row';
import { NOT_PLAIN, scanPlainBet } from './bet_scanner';
import { ProtocolError } from './protocol_error';

/** The bets of one `B`, all of one agency and all checked. */
export interface BetBatch {
  readonly agency: number;
  /** The number of bets, at least 1. */
  readonly count: number;
  /**
   * The rows `agency,first_name,last_name,document,birthdate,number` in their stored form: UTF-8, separated by `\n`,
   * without a line feed at the end. It may be a view of received bytes.
   */
  readonly rows: Uint8Array;
}

const LINE_FEED = 0x0a;
const COMMA = 0x2c;
const FIELDS = 6;

/**
 * Reads the value of a `B`.
 *
 * @param agency the id of the session, or undefined if this batch identifies it.
 * @throws ProtocolError `bad-bet` (with the row and the fault) or `wrong-agency`.
 */
export function readBetBatch(value: Uint8Array, agency: number | undefined): BetBatch {
  const rows = value[value.length - 1] === LINE_FEED ? value.subarray(0, -1) : value;
  const id = agency ?? leadingNumber(rows);
  const count = id === undefined ? NOT_PLAIN : countPlainRows(rows, id);
  if (id !== undefined && count !== NOT_PLAIN && isUtf8(rows)) return { agency: id, count, rows };
  return readBetText(value, agency);
}

/** Iterates over the bets of a batch from `readBetBatch`. */
export function* betsOf(batch: BetBatch): Generator<Bet> {
  const text = decodeUtf8(batch.rows);
  for (let at = 0; at < text.length;) {
    const { fields, next } = readCsvRow(text, at);
    yield toBet(fields);
    at = next;
  }
}

/** Builds a bet from the fields of a stored row. The first field is the agency. */
function toBet(fields: readonly string[]): Bet {
  const [, firstName, lastName, document, birthdate, number] = fields as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  return { firstName, lastName, document, birthdate, number };
}

/** Counts the rows, or returns `NOT_PLAIN` unless each one is a plain bet of this agency. */
function countPlainRows(rows: Uint8Array, agency: number): number {
  const prefix = Buffer.from(`${agency},`, 'latin1');
  let count = 0;
  for (let at = 0; ;) {
    if (!startsWith(rows, prefix, at)) return NOT_PLAIN;
    const end = scanPlainBet(rows, at + prefix.length);
    if (end === NOT_PLAIN) return NOT_PLAIN;
    count++;
    if (end === rows.length) return count;
    if (rows[end] !== LINE_FEED) return NOT_PLAIN;
    at = end + 1;
  }
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array, at: number): boolean {
  for (let index = 0; index < prefix.length; index++) if (bytes[at + index] !== prefix[index]) return false;
  return true;
}

/** The canonical number before the first comma, or undefined. */
function leadingNumber(rows: Uint8Array): number | undefined {
  const comma = rows.subarray(0, 16).indexOf(COMMA);
  return comma === -1 ? undefined : parseCanonicalNumber(Buffer.from(rows.subarray(0, comma)).toString('latin1'));
}

/**
 * The slow path of `readBetBatch`, with the same results as the fast one. It decodes, parses and checks everything, and
 * reports the first fault with its row.
 */
export function readBetText(value: Uint8Array, agency: number | undefined): BetBatch {
  const text = decodeBetText(value, 'the batch');
  const rows: string[] = [];
  let named = agency;
  for (let at = 0; at < text.length || rows.length === 0;) {
    const row = readBetRow(text, at, named, `row ${rows.length + 1}`);
    named = row.agency;
    rows.push(row.text);
    at = row.next;
  }
  return { agency: named!, count: rows.length, rows: Buffer.from(rows.join('\n'), 'utf8') };
}

/** @throws ProtocolError `bad-bet` */
export function decodeBetText(bytes: Uint8Array, place: string): string {
  try {
    return decodeUtf8(bytes);
  } catch (cause) {
    throw new ProtocolError('bad-bet', `${place}: not UTF-8`, { cause });
  }
}

/** One checked row: its agency, its stored form, and the offset of the next row. */
export interface BetRow {
  readonly agency: number;
  readonly text: string;
  readonly next: number;
}

/**
 * Reads the row `agency,first_name,last_name,document,birthdate,number` at offset `start` of a text.
 *
 * @param agency the required agency, or undefined to accept any.
 * @param place the place of the row, for the error message.
 * @throws ProtocolError `bad-bet` or `wrong-agency`.
 */
export function readBetRow(text: string, start: number, agency: number | undefined, place: string): BetRow {
  const { fields, next } = readFields(text, start, place);
  if (fields.length !== FIELDS) {
    const excess = fields.length - FIELDS;
    throw new ProtocolError('bad-bet', `${place}: ${Math.abs(excess)} field(s) too ${excess > 0 ? 'many' : 'few'}`);
  }
  const named = parseCanonicalNumber(fields[0]!);
  if (named === undefined) throw new ProtocolError('bad-bet', `${place}: agency is no canonical number`);
  if (agency !== undefined && named !== agency) {
    throw new ProtocolError('wrong-agency', `${place}: a bet of another agency than ${agency}`);
  }
  const fault = findFaultInBet(toBet(fields));
  if (fault !== undefined) throw new ProtocolError('bad-bet', `${place}: ${fault}`);
  return { agency: named, text: formatCsvRow(fields), next };
}

function readFields(text: string, start: number, place: string): CsvRow {
  try {
    return readCsvRow(text, start);
  } catch (cause) {
    if (!(cause instanceof CsvSyntaxError)) throw cause;
    throw new ProtocolError('bad-bet', `${place}: ${cause.message}`, { cause });
  }
}
