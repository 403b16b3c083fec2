import { expect } from 'chai';
import fc from 'fast-check';
import { type BetBatch, betsOf, readBetBatch, readBetText } from '../../../../apps/protocol/bet_batch';
import { ProtocolError } from '../../../../apps/protocol/protocol_error';
import { arbitraryBatches } from '../../../support/arbitrary_batches';
import { formatReferenceRows, readReferenceBatch } from '../../../support/reference_batch';

const GOOD_ROW = '3,María José,Gómez,30904465,1999-03-17,7574';

type Reader = (value: Uint8Array, agency: number | undefined) => BetBatch;

/** The result of a reader: the batch with its rows as text, or the message of the error. */
function outcome(read: Reader, value: Uint8Array, agency: number | undefined): unknown {
  try {
    const batch = read(value, agency);
    return { ...batch, rows: Buffer.from(batch.rows).toString('utf8') };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.message;
  }
}

const read = (text: string): unknown => outcome(readBetBatch, Buffer.from(text), 3);
const readUnnamed = (text: string): unknown => outcome(readBetBatch, Buffer.from(text), undefined);

describe('the reader of a batch', () => {
  describe('the fast and the slow path', () => {
    it('agree on every batch, in each byte and in each error message', () => {
      fc.assert(
        fc.property(arbitraryBatches, fc.constantFrom(3, undefined), (value, agency) => {
          expect(outcome(readBetBatch, value, agency)).to.deep.equal(outcome(readBetText, value, agency));
        }),
        { numRuns: 5000 },
      );
    });

    it('accept exactly the batches of the grammar, and store them with the fewest quotes', () => {
      let accepted = 0;
      fc.assert(
        fc.property(arbitraryBatches, fc.constantFrom(3, undefined), (value, agency) => {
          const expected = readReferenceBatch(value, agency);
          const actual = outcome(readBetBatch, value, agency);
          if ('refused' in expected) {
            expect(actual)
              .to.be.a('string')
              .and.match(new RegExp(`^${expected.refused}: `));
            return;
          }
          accepted++;
          expect(actual).to.deep.equal({
            agency: Number(expected.rows[0]![0]),
            count: expected.rows.length,
            rows: formatReferenceRows(expected.rows),
          });
        }),
        { numRuns: 5000 },
      );
      expect(accepted, 'accepted batches of 5000').to.be.greaterThan(300);
    });
  });

  it('accepts rows with \\n or \\r\\n, with or without a last line break', () => {
    const batch = { agency: 3, count: 2, rows: `${GOOD_ROW}\n${GOOD_ROW}` };
    for (const end of ['\n', '\r\n']) {
      expect(read(`${GOOD_ROW}${end}${GOOD_ROW}`)).to.deep.equal(batch);
      expect(read(`${GOOD_ROW}${end}${GOOD_ROW}${end}`)).to.deep.equal(batch);
    }
  });

  it('takes the agency from the first row if the session has no agency yet', () => {
    expect(readUnnamed(GOOD_ROW)).to.deep.equal({ agency: 3, count: 1, rows: GOOD_ROW });
    expect(readUnnamed(`"3"${GOOD_ROW.slice(1)}`)).to.deep.equal({ agency: 3, count: 1, rows: GOOD_ROW });
    expect(readUnnamed(`${GOOD_ROW}\n4${GOOD_ROW.slice(1)}`)).to.match(/^wrong-agency: row 2: /);
  });

  it('returns the bets unchanged', () => {
    const rows = [GOOD_ROW, '3,"Ana ""la Nena""","Pérez, hija",1,2000-02-29,0042'];
    const bets = Array.from(betsOf(readBetBatch(Buffer.from(rows.join('\r\n')), 3)));
    expect(bets).to.deep.equal([
      { firstName: 'María José', lastName: 'Gómez', document: '30904465', birthdate: '1999-03-17', number: '7574' },
      { firstName: 'Ana "la Nena"', lastName: 'Pérez, hija', document: '1', birthdate: '2000-02-29', number: '0042' },
    ]);
  });

  const name = (text: string): string => `3,${text},Gómez,30904465,1999-03-17,7574`;
  const refusals: [string, string, RegExp][] = [
    ['nothing', '', /^bad-bet: row 1: 5 field\(s\) too few$/],
    ['an empty row at the end', `${GOOD_ROW}\n\n`, /^bad-bet: row 2: 5 field\(s\) too few$/],
    ['an empty row in between', `${GOOD_ROW}\n\n${GOOD_ROW}`, /^bad-bet: row 2: 5 field\(s\) too few$/],
    ['a field too many', `${GOOD_ROW},`, /^bad-bet: row 1: 1 field\(s\) too many$/],
    ['a field too few', '3,a,b,1,1999-03-17', /^bad-bet: row 1: 1 field\(s\) too few$/],
    ['another agency', `${GOOD_ROW}\n4,a,b,1,1999-03-17,1`, /^wrong-agency: row 2: a bet of another agency than 3$/],
    ['an agency with a leading zero', GOOD_ROW.replace('3', '03'), /^bad-bet: row 1: agency is no canonical number$/],
    ['a byte order mark', `\ufeff${GOOD_ROW}`, /^bad-bet: row 1: agency is no canonical number$/],
    ['a lone carriage return', `${GOOD_ROW}\r${GOOD_ROW}`, /^bad-bet: row 1: a carriage return without a line feed$/],
    ['a quote within a field', name('a"b'), /^bad-bet: row 1: a quote inside a field/],
    ['an unclosed quote', name('"ab'), /^bad-bet: row 1: a quote inside a field .* not closed$/],
    ['text behind a closing quote', name('"a"b'), /^bad-bet: row 1: text behind the closing quote/],
    ['a line break in quotes', name('"a\nb"'), /^bad-bet: row 1: first_name holds a control character$/],
    ['DEL in a name', name('a\u007f'), /^bad-bet: row 1: first_name holds a control character$/],
    ['a C1 control in a name', name('a\u0085'), /^bad-bet: row 1: first_name holds a control character$/],
    ['an empty name', name(''), /^bad-bet: row 1: first_name is empty or white space$/],
    ['a white name', name('\u00a0\u3000'), /^bad-bet: row 1: first_name is empty or white space$/],
    ['101 characters', name('😀'.repeat(101)), /^bad-bet: row 1: first_name has 101 characters, more than 100$/],
    ['a document of 13 digits', '3,a,b,1234567890123,1999-03-17,1', /^bad-bet: row 1: document is not 1 to 12 digits$/],
    ['a day outside of the calendar', '3,a,b,1,2023-02-29,1', /^bad-bet: row 1: birthdate is no day that exists$/],
    ['a date of another form', '3,a,b,1,17/03/1999,1', /^bad-bet: row 1: birthdate is not YYYY-MM-DD$/],
    ['a number of 5 digits', '3,a,b,1,1999-03-17,12345', /^bad-bet: row 1: number is not 1 to 4 digits$/],
  ];
  for (const [what, text, message] of refusals) {
    it(`refuses ${what} with the row and the fault`, () => {
      expect(read(text)).to.match(message);
    });
  }

  it('refuses bytes that are not UTF-8', () => {
    const value = Buffer.concat([Buffer.from('3,'), Buffer.of(0xff), Buffer.from(',b,1,1999-03-17,1')]);
    expect(outcome(readBetBatch, value, 3)).to.equal('bad-bet: the batch: not UTF-8');
  });

  it('reports no personal data of a bad row', () => {
    expect(read('3,Secreta,"Privada"x,12345678,1999-03-17,1')).not.to.match(/Secreta|Privada|12345678/);
    expect(read('3,Secreta,Privada,12345678x,1999-03-17,1')).not.to.match(/Secreta|Privada|12345678/);
  });

  it('accepts 100 characters with any number of bytes', () => {
    for (const character of ['a', 'é', '王', '😀']) {
      const text = name(character.repeat(100));
      expect(read(text)).to.deep.equal({ agency: 3, count: 1, rows: text });
    }
  });
});
