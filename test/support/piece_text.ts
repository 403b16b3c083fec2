/** The text of all pieces. */
export async function textOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const copies: Buffer[] = [];
  // A piece is valid until the next one is requested.
  for await (const piece of pieces) copies.push(Buffer.from(piece));
  return Buffer.concat(copies).toString('utf8');
}

/** The rows of an export by agency, each agency's in the order of the export. */
export function rowsByAgency(text: string): Map<number, string[]> {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the export ends in the middle of a row');
  const rows = new Map<number, string[]>();
  for (const row of text.split('\n').slice(0, -1)) {
    const agency = Number.parseInt(row, 10);
    const known = rows.get(agency);
    if (known === undefined) rows.set(agency, [row]);
    else known.push(row);
  }
  return rows;
}
