import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { anchorsOf, faultOf, linksOf } from '../support/docs/links';
import { readPage, ROOT } from '../support/docs/markdown';

/** Every page of the project. */
function allPages(): string[] {
  const below = (folder: string): string[] =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  const names = [...readdirSync(ROOT), 'lib/README.md', ...below('docs'), ...below('.github')];
  return names.filter((name) => name.endsWith('.md')).sort();
}

describe('the links of the documentation', () => {
  for (const page of allPages()) {
    it(`${page}: each leads to a file, and to a heading that exists`, () => {
      const links = linksOf(readPage(page));
      expect(links.flatMap((link) => faultOf(page, link) ?? [])).to.deep.equal([]);
    });
  }

  it('are found, with the headings', () => {
    const content = '# A `b` c!\n\n## Twice\n\n## Twice\n\n[a](x.md#y), ![b](z.png), [c][d], <e>.\n\n[d]: w.md\n';
    expect(linksOf(content)).to.deep.equal(['x.md#y', 'z.png', 'w.md']);
    expect(anchorsOf(content)).to.deep.equal(['a-b-c', 'twice', 'twice-1']);
  });

  it('are refused if they lead nowhere', () => {
    expect(faultOf('docs/library/tour.md', 'none.md')).to.equal('none.md: no such file');
    expect(faultOf('docs/library/tour.md', '#none')).to.equal('#none: no such heading');
    expect(faultOf('docs/library/tour.md', 'contract.md#none')).to.equal('contract.md#none: no such heading');
    expect(faultOf('docs/library/tour.md', '../library#none')).to.equal('../library#none: an anchor of no page');
    expect(faultOf('docs/library/tour.md', 'contract.md#closing')).to.equal(undefined);
  });
});
