/**
 * A second, simple implementation of the protocol's grammar of a batch: a scanner of single characters, without parsers
 * and regular expressions. Tests compare the apps with it.
 */

export type ReferenceBatch =
  { readonly rows: readonly (readonly string[])[] } | { readonly refused: 'bad-bet' | 'wrong-agency' };

/** Reads the value of a `B`. `agency` is the session's agency; undefined for a session without one. */
export function readReferenceBatch(value: Uint8Array, agency: number | undefined): ReferenceBatch {
  const text = decode(value);
  if (text === undefined) return { refused: 'bad-bet' };
  const rows: string[][] = [];
  let named = agency === undefined ? undefined : String(agency);
  const characters = Array.from(text);
  let at = 0;
  do {
    const row = readRow(characters, at);
    if (row === undefined || row.fields.length !== 6 || !isCanonical(row.fields[0]!)) return { refused: 'bad-bet' };
    named ??= row.fields[0];
    if (row.fields[0] !== named) return { refused: 'wrong-agency' };
    if (!isBet(row.fields.slice(1))) return { refused: 'bad-bet' };
    rows.push(row.fields);
    at = row.next;
  } while (at < characters.length);
  return { rows };
}

/** Formats rows as in bets.csv, with the fewest quotes and a line feed between rows. */
export function formatReferenceRows(rows: readonly (readonly string[])[]): string {
  return rows
    .map((fields) =>
      fields
        .map((field) => (field.includes(',') || field.includes('"') ? `"${field.split('"').join('""')}"` : field))
        .join(','),
    )
    .join('\n');
}

function decode(value: Uint8Array): string | undefined {
  const text = Buffer.from(value).toString('utf8');
  return Buffer.from(text, 'utf8').equals(value) ? text : undefined;
}

function readRow(text: readonly string[], start: number): { fields: string[]; next: number } | undefined {
  const fields: string[] = [];
  let at = start;
  for (;;) {
    const field = text[at] === '"' ? readQuoted(text, at + 1) : readUnquoted(text, at);
    if (field === undefined) return undefined;
    fields.push(field.content);
    at = field.next;
    if (text[at] === ',') {
      at++;
      continue;
    }
    if (at >= text.length) return { fields, next: at };
    if (text[at] === '\n') return { fields, next: at + 1 };
    if (text[at] === '\r' && text[at + 1] === '\n') return { fields, next: at + 2 };
    return undefined;
  }
}

function readQuoted(text: readonly string[], start: number): { content: string; next: number } | undefined {
  let content = '';
  for (let at = start; at < text.length; at++) {
    if (text[at] !== '"') content += text[at];
    else if (text[at + 1] === '"') content += text[at++];
    else return { content, next: at + 1 };
  }
  return undefined;
}

function readUnquoted(text: readonly string[], start: number): { content: string; next: number } | undefined {
  let content = '';
  let at = start;
  for (; at < text.length && !['"', ',', '\r', '\n'].includes(text[at]!); at++) content += text[at];
  return text[at] === '"' ? undefined : { content, next: at };
}

function isBet([firstName, lastName, document, birthdate, number]: readonly string[]): boolean {
  return (
    isName(firstName!) &&
    isName(lastName!) &&
    areDigits(document!, 1, 12) &&
    isDay(birthdate!) &&
    areDigits(number!, 1, 4)
  );
}

/** The white space of Unicode (PropList.txt) without its control characters. */
const WHITE_SPACE = [0x20, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000];

function isName(name: string): boolean {
  const points = Array.from(name, (character) => character.codePointAt(0)!);
  if (points.length < 1 || points.length > 100) return false;
  if (points.some((point) => point < 0x20 || (point >= 0x7f && point < 0xa0))) return false;
  return points.some((point) => !WHITE_SPACE.includes(point) && !(point >= 0x2000 && point <= 0x200a));
}

function areDigits(text: string, least: number, most: number): boolean {
  if (text.length < least || text.length > most) return false;
  return Array.from(text).every((character) => '0123456789'.includes(character));
}

function isCanonical(text: string): boolean {
  return areDigits(text, 1, 20) && (text === '0' || !text.startsWith('0'));
}

function isDay(text: string): boolean {
  const parts = text.split('-');
  if (parts.length !== 3 || !areDigits(parts[0]!, 4, 4) || !areDigits(parts[1]!, 2, 2) || !areDigits(parts[2]!, 2, 2)) {
    return false;
  }
  const [year, month, day] = parts.map(Number) as [number, number, number];
  if (year === 0 || month < 1 || month > 12 || day < 1) return false;
  const isLeap = year % 400 === 0 || (year % 4 === 0 && year % 100 !== 0);
  const longest = month === 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  return day <= longest;
}
