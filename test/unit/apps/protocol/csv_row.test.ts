import { expect } from 'chai';
import fc from 'fast-check';
import { CsvSyntaxError, formatCsvRow, readCsvRow } from '../../../../apps/protocol/csv_row';

describe('a row of CSV', () => {
  it('is read with its fields and the offset of the next row', () => {
    expect(readCsvRow('a,b\nc', 0)).to.deep.equal({ fields: ['a', 'b'], next: 4 });
    expect(readCsvRow('a,b\r\nc', 0)).to.deep.equal({ fields: ['a', 'b'], next: 5 });
    expect(readCsvRow('a,b\nc', 4)).to.deep.equal({ fields: ['c'], next: 5 });
  });

  it('may be empty, or have empty fields', () => {
    expect(readCsvRow('', 0)).to.deep.equal({ fields: [''], next: 0 });
    expect(readCsvRow('\n', 0)).to.deep.equal({ fields: [''], next: 1 });
    expect(readCsvRow(',""', 0)).to.deep.equal({ fields: ['', ''], next: 3 });
  });

  it('has commas, quotes and line breaks in quoted fields', () => {
    expect(readCsvRow('"a,b","c""d","e\r\nf"\nnext', 0).fields).to.deep.equal(['a,b', 'c"d', 'e\r\nf']);
  });

  it('keeps a byte order mark as text', () => {
    expect(readCsvRow('\ufeffa,"b"', 0).fields).to.deep.equal(['\ufeffa', 'b']);
    expect(readCsvRow('\ufeff\ufeffa', 0).fields).to.deep.equal(['\ufeff\ufeffa']);
    expect(() => readCsvRow('\ufeff"a"', 0)).to.throw(CsvSyntaxError);
  });

  it('has no other separator, line break, comment or type', () => {
    expect(readCsvRow('a;b\tc|d', 0).fields).to.deep.equal(['a;b\tc|d']);
    expect(readCsvRow('#a, b ,007', 0).fields).to.deep.equal(['#a', ' b ', '007']);
  });

  for (const text of ['a"b', 'a""', '"a', '"a"b', '"a""', '"', 'a\rb', 'a\r', '"a" ,b', ' "a"']) {
    it(`is not ${JSON.stringify(text)}`, () => {
      expect(() => readCsvRow(text, 0))
        .to.throw(CsvSyntaxError)
        .with.property('code', 'CSV_SYNTAX');
    });
  }

  it('is unchanged after writing and reading, with any fields', () => {
    const field = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom('"', ',', '""', '\ufeff', '", "'),
    );
    fc.assert(
      fc.property(fc.array(field, { minLength: 1, maxLength: 5 }), (fields) => {
        // A bet has no line break, so the writer does not quote a field because of one.
        const oneLine = fields.map((text) => text.replaceAll(/[\r\n]/g, ' '));
        expect(readCsvRow(`${formatCsvRow(oneLine)}\nrest`, 0).fields).to.deep.equal(oneLine);
      }),
    );
  });

  it('is written with the fewest quotes', () => {
    expect(formatCsvRow(['a b', 'ñ', "o'c", '', '1'])).to.equal("a b,ñ,o'c,,1");
    expect(formatCsvRow(['a,b', 'c"d'])).to.equal('"a,b","c""d"');
  });
});
