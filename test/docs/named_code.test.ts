import { expect } from 'chai';
import { readPage } from '../support/docs/markdown';
import { filesNamed, hasWord, namedCodeOf, namedFilesOf } from '../support/docs/named_code';

const PAGE = 'docs/architecture.md';

describe('the names in the code that docs/architecture.md gives', () => {
  it('are those of files that exist', () => {
    const named = namedFilesOf(readPage(PAGE));
    expect(named).to.have.length.above(200);
    expect(named.filter((name) => filesNamed(name).length === 0)).to.deep.equal([]);
  });

  it('are in the file that the page names', () => {
    const named = namedCodeOf(readPage(PAGE));
    expect(named).to.have.length.above(60);
    expect(named.filter((code) => !hasWord(code))).to.deep.equal([]);
  });

  it('are found in both forms', () => {
    const page = '`A`, `B` and `C` of `lib/x.ts`; `y.ts` (`D`, `E`); `F` of the server; `g.ts` (the rest)';
    expect(namedCodeOf(page).map(({ name, file }) => `${name} ${file}`)).to.deep.equal([
      'A lib/x.ts',
      'B lib/x.ts',
      'C lib/x.ts',
      'D y.ts',
      'E y.ts',
    ]);
  });
});
