import { expect } from 'chai';
import fc from 'fast-check';
import { printable, printableLines } from '../../../../apps/runtime/printable';
import { DANGEROUS_CHARACTERS } from '../../../support/dangerous_characters';

const anyText = fc.string({ unit: 'binary' });

describe('printable text', () => {
  for (const [name, character, escape] of DANGEROUS_CHARACTERS) {
    it(`has an escape for: ${name}`, () => {
      expect(printable(character)).to.equal(escape);
      expect(printable(`a${character}b ñ`)).to.equal(`a${escape}b ñ`);
    });
  }

  it('has an escape for every control character and every control of the writing direction', () => {
    for (let code = 0; code <= 0xffff; code++) {
      const isControl = code < 0x20 || (code >= 0x7f && code <= 0x9f);
      const isDirection = code === 0x61c || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
      if (!isControl && !isDirection) continue;
      expect(printable(String.fromCharCode(code))).to.equal(`\\u${code.toString(16).padStart(4, '0')}`);
    }
  });

  for (const text of [
    '',
    ' ~!"#$%&\'()*+,-./0:;<=>?@A[\\]^_`a{|}',
    'María José Ñandú',
    'Nguyễn Văn Đức',
    'N\u0303andu\u0301',
    '王小明',
    'Ἀριστοτέλης',
    'ישראל',
    'مُحَمَّد',
    'हिन्दी',
    '😀',
    'a\u00a0b',
    '\\u001b',
  ]) {
    it(`keeps ${JSON.stringify(text)}`, () => {
      expect(printable(text)).to.equal(text);
    });
  }

  it('has no more than four combining marks in a row', () => {
    const mark = '\u0301';
    expect(printable(`e${mark.repeat(4)}`)).to.equal(`e${mark.repeat(4)}`);
    expect(printable(`e${mark.repeat(6)}x${mark}`)).to.equal(`e${mark.repeat(4)}\\u0301\\u0301x${mark}`);
  });

  it('does not change when it is escaped again', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(printable(printable(text))).to.equal(printable(text));
      }),
    );
  });

  it('of JSON is JSON of the same value', () => {
    const dangerous = fc.constantFrom(...DANGEROUS_CHARACTERS.map(([, character]) => character));
    fc.assert(
      fc.property(fc.array(fc.oneof(anyText, dangerous)), (value) => {
        expect(JSON.parse(printable(JSON.stringify(value)))).to.deep.equal(value);
      }),
    );
  });

  it('of several lines keeps its line feeds and no other line break', () => {
    expect(printableLines('a\n  b\u001b[2J\n\u202ec\r\n')).to.equal('a\n  b\\u001b[2J\n\\u202ec\\u000d\n');
  });
});
