import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataFile } from '../../../apps/client/bets/data_file';
import { FileBetSource } from '../../../apps/client/bets/file_bet_source';
import { betOfSettings, CLIENT_SETTINGS } from '../../../apps/client/settings';
import { type BetBatch, readBetBatch, readBetText } from '../../../apps/protocol/bet_batch';
import { ProtocolError } from '../../../apps/protocol/protocol_error';
import { loadSettings, SettingsError } from '../../../apps/runtime/settings';
import { DANGEROUS_CHARACTERS } from '../../support/dangerous_characters';
import { createMemoryLog } from '../../support/memory_lottery';

/** Unicode's White_Space, as PropList.txt lists it. */
const WHITE_SPACE =
  '\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000';

const CHARACTERS: readonly (readonly [name: string, character: string])[] = [
  ...DANGEROUS_CHARACTERS.map(([name, character]) => [name, character] as const),
  ...Array.from(WHITE_SPACE, (character) => [`white space ${JSON.stringify(character)}`, character] as const),
  ['a formula of a spreadsheet', '='],
  ['a letter', 'ñ'],
  ['a letter of four bytes', '😀'],
];

const REFUSED = 'refused';
const REST = 'Paz,30904465,1999-03-17,7574';

/** The protocol's rule for a name of these characters. */
function isName(name: string): boolean {
  const characters = Array.from(name);
  const isControl = (code: number): boolean => code < 0x20 || (code >= 0x7f && code <= 0x9f);
  const isSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdfff;
  const codes = characters.map((character) => character.codePointAt(0)!);
  return (
    !codes.some((code) => isControl(code) || isSurrogate(code)) && !characters.every((one) => WHITE_SPACE.includes(one))
  );
}

/** The bytes of a name in CESU-8: a lone surrogate has three bytes, which are not UTF-8. */
function encode(text: string): Buffer {
  return Buffer.concat(
    Array.from(text, (character) => {
      const code = character.codePointAt(0)!;
      if (code < 0xd800 || code > 0xdfff) return Buffer.from(character);
      return Buffer.of(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    }),
  );
}

function readAsServer(read: (value: Uint8Array, agency: number | undefined) => BetBatch, name: string): string {
  try {
    return Buffer.from(read(encode(`3,${name},${REST}`), 3).rows).toString('utf8');
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    expect(error.code).to.equal('bad-bet');
    return REFUSED;
  }
}

describe('a name', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'names-'));
  });

  afterEach(async () => {
    await rm(directory, { recursive: true });
  });

  /** A byte order mark may begin a file, so the name stands in its second row. */
  async function readAsFile(name: string): Promise<string> {
    const path = join(directory, 'agency-3.csv');
    await writeFile(path, encode(`Ana,${REST}\n${name},${REST}\n`));
    const source = new FileBetSource({ CLI_ID: 3, CLI_BATCH_MAX_AMOUNT: 1 }, new DataFile(path), createMemoryLog().log);
    let rows = '';
    try {
      for await (const { value } of source.batches(1, new AbortController().signal)) {
        rows += Buffer.from(value).toString('utf8');
      }
      return rows;
    } catch (error) {
      expect(error).to.have.property('code', 'BAD_ROW');
      return REFUSED;
    }
  }

  function readAsOneBet(name: string): string {
    const [APELLIDO, DOCUMENTO, NACIMIENTO, NUMERO] = REST.split(',') as [string, string, string, string];
    const environment = { NOMBRE: name, APELLIDO, DOCUMENTO, NACIMIENTO, NUMERO };
    try {
      const bet = betOfSettings(
        loadSettings(CLIENT_SETTINGS, { defaultFile: join(directory, 'none.ini'), environment }),
      )!;
      return [3, bet.firstName, bet.lastName, bet.document, bet.birthdate, bet.number].join(',');
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      return REFUSED;
    }
  }

  for (const [what, character] of CHARACTERS) {
    for (const name of [character, `a${character}b`]) {
      const isAccepted = isName(name);
      const place = name === character ? 'alone' : 'between letters';
      it(`${isAccepted ? 'may hold' : 'cannot hold'} ${place}: ${what}, for the server and each kind of agency`, async () => {
        const expected = isAccepted ? `3,${name},${REST}` : REFUSED;
        expect({
          fast: readAsServer(readBetBatch, name),
          slow: readAsServer(readBetText, name),
          file: await readAsFile(name),
          oneBet: readAsOneBet(name),
        }).to.deep.equal({ fast: expected, slow: expected, file: expected, oneBet: expected });
      });
    }
  }
});
