import { expect } from 'chai';
import { type StoreFile } from '../../../../../../../apps/server/storage/files/disk/file_system';
import { NEVER_STOPPED } from '../../../../../../../apps/server/domain/stop';
import { scanWinners } from '../../../../../../../apps/server/storage/files/bets/winner_scan';
import { generateBets, storedRow } from '../../../../../../support/generated_bets';

/** A file of these bytes; each read returns at most `pieceBytes`. */
function fileOf(text: string, pieceBytes: number): { file: StoreFile; size: number } {
  const bytes = Buffer.from(text);
  const file = {
    read: async (target: Uint8Array, position: number): Promise<number> => {
      const piece = bytes.subarray(position, position + Math.min(pieceBytes, target.length));
      target.set(piece);
      return piece.length;
    },
  } as StoreFile;
  return { file, size: bytes.length };
}

async function winnersIn(text: string, number: number, pieceBytes = 1 << 20): Promise<string[]> {
  const { file, size } = fileOf(text, pieceBytes);
  const found: string[] = [];
  for await (const { agency, document } of scanWinners(file, size, number, NEVER_STOPPED))
    found.push(`${agency}:${document}`);
  return found;
}

describe('the search for winners', () => {
  const row = (document: number, number: string): string => `1,Ana,Gómez,${document},1999-03-17,${number}\n`;

  it('compares the number by its value, in each of its spellings, and keeps the order of the store', async () => {
    const rows = ['42', '042', '0042', '420', '142', '4', '2', '0', '00', '000', '0000', '4242'];
    const text = rows.map((number, index) => row(index, number)).join('');
    expect(await winnersIn(text, 42)).to.deep.equal(['1:0', '1:1', '1:2']);
    expect(await winnersIn(text, 0)).to.deep.equal(['1:7', '1:8', '1:9', '1:10']);
    expect(await winnersIn(text, 4242)).to.deep.equal(['1:11']);
    expect(await winnersIn(text, 9)).to.deep.equal([]);
  });

  it('finds no winner in an empty file', async () => {
    expect(await winnersIn('', 42)).to.deep.equal([]);
  });

  it('finds rows across the boundaries of reads of any size', async () => {
    const bets = generateBets(7, 60, 4);
    const text = bets.map((bet) => `${storedRow(7, bet)}\n`).join('');
    const expected = bets.filter((bet) => Number(bet[4]) === 7574).map((bet) => `7:${bet[2]}`);
    expect(expected.length).to.be.greaterThan(5);
    for (let pieceBytes = 1; pieceBytes < 120; pieceBytes++) {
      expect(await winnersIn(text, 7574, pieceBytes), `pieces of ${pieceBytes}`).to.deep.equal(expected);
    }
  });

  it('ignores names that look like the end of a row', async () => {
    expect(await winnersIn('12,"a,42","b,0042",5,1999-03-17,7\n12,x,"y,42",42,1999-03-17,42\n', 42)).to.deep.equal([
      '12:42',
    ]);
  });
});
