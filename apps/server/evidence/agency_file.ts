import { createReadStream } from 'node:fs';
import { type BetBatch, decodeBetText, readBetBatch, readBetRow } from '../../protocol/bet_batch';
import { ProtocolError } from '../../protocol/protocol_error';
import { CodedError } from '../../runtime/coded_error';
import { SettingsError } from '../../runtime/settings';

/** A row of the file is no bet. The message begins with the file and the line. */
export class AgencyRowError extends CodedError {
  readonly code = 'BAD_ROW';
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from('\uFEFF', 'utf8');

/**
 * The bets of an agency's own file, `first_name,last_name,document,birthdate,number` a row, in the form in which the server
 * stores them. The file is read in pieces.
 *
 * @throws SettingsError the file cannot be read.
 * @throws AgencyRowError
 */
export async function* readAgencyFile(path: string, agency: number): AsyncGenerator<BetBatch> {
  let line = 0;
  for await (const rows of readLines(path)) {
    yield toBatch(rows, { path, agency, line });
    line += rows.length;
  }
}

/** The complete lines of each piece of the file, without their line breaks. */
async function* readLines(path: string): AsyncGenerator<Buffer[]> {
  let rest: Buffer = Buffer.alloc(0);
  let isBeginning = true;
  for await (const piece of readPieces(path)) {
    let bytes = Buffer.concat([rest, piece]);
    if (isBeginning && bytes.length < BYTE_ORDER_MARK.length) {
      rest = bytes;
      continue;
    }
    if (isBeginning && bytes.indexOf(BYTE_ORDER_MARK) === 0) bytes = bytes.subarray(BYTE_ORDER_MARK.length);
    isBeginning = false;
    const lines: Buffer[] = [];
    let at = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, at)) {
      lines.push(withoutCarriageReturn(bytes.subarray(at, end)));
      at = end + 1;
    }
    rest = bytes.subarray(at);
    if (lines.length > 0) yield lines;
  }
  if (rest.length > 0) yield [withoutCarriageReturn(rest)];
}

async function* readPieces(path: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(path) as AsyncIterable<Buffer>;
  } catch (cause) {
    throw new SettingsError(`--file ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function toBatch(
  rows: readonly Buffer[],
  { path, agency, line }: { readonly path: string; readonly agency: number; readonly line: number },
): BetBatch {
  const prefix = Buffer.from(`${agency},`);
  const separator = Buffer.of(LINE_FEED);
  const value = Buffer.concat(rows.flatMap((row, index) => (index === 0 ? [prefix, row] : [separator, prefix, row])));
  try {
    return readBetBatch(value, agency);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    for (const [index, row] of rows.entries()) requireBet(row, agency, `${path}:${line + index + 1}`);
    throw error;
  }
}

/** @throws AgencyRowError */
function requireBet(row: Buffer, agency: number, place: string): void {
  try {
    readBetRow(`${agency},${decodeBetText(row, place)}`, 0, agency, place);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new AgencyRowError(cause.detail, { cause });
  }
}

function withoutCarriageReturn(row: Buffer): Buffer {
  return row[row.length - 1] === CARRIAGE_RETURN ? row.subarray(0, -1) : row;
}
