import { expect } from 'chai';
import { IniSyntaxError, readIni } from '../../../../apps/runtime/ini_file';

const linesOf = (text: string): unknown[] => Array.from(readIni(text));
const section = (name: string, line: number): unknown => ({ kind: 'section', name, line });
const setting = (name: string, value: string, line: number): unknown => ({ kind: 'setting', name, value, line });

describe('an ini file', () => {
  it('has sections, settings, comments and empty lines, in the order of its lines', () => {
    const text = '; words\n\nA = 1\n[S]\n# words\n  B=2\n[ T ] ; words\n\tC =\t3  \n[S] # words\nA = 4';
    expect(linesOf(text)).to.deep.equal([
      setting('A', '1', 3),
      section('S', 4),
      setting('B', '2', 6),
      section('T', 7),
      setting('C', '3', 8),
      section('S', 9),
      setting('A', '4', 10),
    ]);
  });

  it('may be empty', () => {
    for (const text of ['', '\n', '; words', ' \n\t\n#']) expect(linesOf(text)).to.deep.equal([]);
  });

  it('counts its lines with every kind of line break', () => {
    for (const lineBreak of ['\n', '\r\n', '\r']) {
      const lines = linesOf(['', '[S]', '', 'A = 1', ''].join(lineBreak));
      expect(lines).to.deep.equal([section('S', 2), setting('A', '1', 4)]);
    }
  });

  for (const [written, value] of [
    ['', ''],
    ['   ', ''],
    ['a b', 'a b'],
    ['a = b', 'a = b'],
    ['= b', '= b'],
    ['0042', '0042'],
    ['1e3', '1e3'],
    ['true', 'true'],
    ['false', 'false'],
    ['null', 'null'],
    ['[1]', '[1]'],
    ['{"a":1}', '{"a":1}'],
    ["it's", "it's"],
    ['a "b" c', 'a "b" c'],
    ['ñ 王 😀', 'ñ 王 😀'],
    ['a\u2028b', 'a\u2028b'],
    ['a ; words', 'a'],
    ['a\t# words; more', 'a'],
    ['; words', ''],
    ['# words', ''],
    [String.raw`a\;b`, 'a;b'],
    [String.raw`a\#b \; c`, 'a#b ; c'],
    [String.raw`a\\b`, String.raw`a\b`],
    [String.raw`C:\dir\new`, String.raw`C:\dir\new`],
    ['a\\', 'a\\'],
    ['""', ''],
    ['"a"', 'a'],
    ['" a "', ' a '],
    ['"a = b"', 'a = b'],
    ['"a;b#c"', 'a;b#c'],
    ['"a ; b" ; words', 'a ; b'],
    ['"a" # "b"', 'a'],
    [String.raw`"a\"b\\c\u00f1"`, 'a"b\\cñ'],
    ['"null"', 'null'],
  ] as const) {
    it(`reads ${JSON.stringify(written)} as ${JSON.stringify(value)}`, () => {
      expect(linesOf(`A =${written}\nB=1`)).to.deep.equal([setting('A', value, 1), setting('B', '1', 2)]);
    });
  }

  for (const name of [
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '"A"',
    "'null'",
    'A[]',
    'A ; words',
    'A.B',
  ]) {
    it(`may have a setting of the name ${name}`, () => {
      expect(linesOf(`${name} = 1`)).to.deep.equal([setting(name, '1', 1)]);
    });
  }

  for (const name of ['', '__proto__', 'constructor', 'toString', '"A"', "'null'", 'A.B', 'A\\.B', 'A = 1']) {
    it(`may have a section of the name ${JSON.stringify(name)}`, () => {
      expect(linesOf(`[${name}]`)).to.deep.equal([section(name, 1)]);
    });
  }

  const NO_SETTING = /^".*" is no setting: a setting is written NAME = value$/;
  for (const [line, message] of [
    ['A', NO_SETTING],
    ['A: 1', NO_SETTING],
    ['x'.repeat(100), /^"x{60}…" is no setting/],
    ['export A', NO_SETTING],
    ['= 1', /^no name stands before "="$/],
    ['  = 1', /^no name stands before "="$/],
    ['[S', /^"\[S" is no section: a section is written \[NAME\]$/],
    ['[S] A = 1', /^"\[S\] A = 1" is no section/],
    ['[S = 1', /^"\[S = 1" is no section/],
    ['[a]b]', /is no section/],
    ['A = a;b', /^";" stands inside the value of A: write the value in quotes, or white space before a comment$/],
    ['A = a#b', /^"#" stands inside the value of A/],
    ['A = 81;words', /^";" stands inside/],
    [String.raw`A = a\\#b`, /^"#" stands inside/],
    ['A = "a', /^the value of A has quotes that are not closed, or text behind them$/],
    ['A = "', /quotes/],
    ['A = "a"b', /quotes/],
    ['A = "a"; words', /quotes/],
    ['A = "a" "b"', /quotes/],
    ["A = 'a'", /^the value of A stands in single quotes: write it in double quotes$/],
    ["A = '123'", /single quotes/],
    ["A = '", /single quotes/],
    [String.raw`A = "a\"`, /quotes/],
    [String.raw`A = "\x"`, /^the value of A has an escape that JSON does not have$/],
    ['A = "a\tb"', /^the value of A has an escape that JSON does not have$/],
    [String.raw`A = "\ud83d"`, /^the value of A holds a lone surrogate$/],
  ] as const) {
    it(`cannot have the line ${JSON.stringify(line)}`, () => {
      let error: unknown;
      try {
        linesOf(`[S]\n\n${line}\n`);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).to.be.instanceOf(IniSyntaxError).and.to.include({ code: 'INI_SYNTAX', line: 3 });
      expect((error as Error).message).to.match(message);
    });
  }
});
