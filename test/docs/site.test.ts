import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { pagesIn, readPage, ROOT } from '../support/docs/markdown';

const run = promisify(execFile);
const SITE = join(ROOT, 'dist/docs');

/** The values of an attribute in a page, without those in its text. */
function attributes(html: string, ...names: string[]): string[] {
  const pattern = new RegExp(`<[^>]*?\\s(?:${names.join('|')})="([^"]*)"`, 'g');
  return [...html.matchAll(pattern)].map(([, value]) => value!.replaceAll('&amp;', '&'));
}

function textOf(html: string): string {
  return html.replaceAll(/<[^>]*>/g, '').replaceAll('&#39;', "'");
}

describe('the site of the library', function () {
  this.timeout(180_000);

  const pages = new Map<string, string>();

  before(async () => {
    await run('make', ['-s', 'docs'], { cwd: ROOT });
    for (const file of readdirSync(SITE, { recursive: true, encoding: 'utf8' }))
      if (file.endsWith('.html')) pages.set(file, readFileSync(join(SITE, file), 'utf8'));
  });

  it('has the pages of the guide, the examples and the reference', () => {
    const title = (html: string): string => /<h1[^>]*>(.*?)<\/h1>/.exec(html)?.[1]?.replaceAll(/<[^>]*>/g, '') ?? '';
    const titles = [...pages.values()].map(title);
    for (const page of pagesIn('docs/library'))
      expect(titles.filter((name) => name === /^# (.*)$/m.exec(readPage(page))![1])).to.have.length(1, page);
    expect(titles).to.include.members(['examples/echo_server.ts', 'Class ListenSocket']);
    expect(textOf(pages.get('index.html')!)).to.contain("ListenSocket({ host: '127.0.0.1', port: 4000 })");
  });

  it('needs no network: every address that a browser loads by itself is a file of the site', () => {
    const loaded = [...pages].flatMap(([page, html]) => {
      const links = [...html.matchAll(/<link [^>]*>/g)].flatMap(([tag]) => attributes(tag, 'href'));
      return [...attributes(html, 'src'), ...links].map((address) => join(dirname(page), address.split('?')[0]!));
    });
    expect(loaded).to.include('assets/main.js');
    expect([...new Set(loaded)].filter((file) => !existsSync(join(SITE, file)))).to.deep.equal([]);
    for (const file of readdirSync(join(SITE, 'assets')).filter((name) => name.endsWith('.css')))
      expect(readFileSync(join(SITE, 'assets', file), 'utf8'), file).not.to.match(/url\(["']?https?:|@import/);
  });

  it('has no link within the site that leads nowhere', () => {
    const faults: string[] = [];
    for (const [page, html] of pages) {
      for (const link of attributes(html, 'href')) {
        if (URL.canParse(link)) continue;
        const [path, anchor] = decodeURI(link).split('#') as [string, string?];
        const target = path === '' ? page : relative(SITE, join(SITE, dirname(page), path));
        const isThere = existsSync(join(SITE, target));
        const needsHeading = isThere && Boolean(anchor) && target.endsWith('.html');
        if (!isThere || (needsHeading && !attributes(pages.get(target)!, 'id').includes(anchor!)))
          faults.push(`${page}: ${link}`);
      }
    }
    expect(faults).to.deep.equal([]);
  });

  it('is not written if a docstring has a broken link', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'site-'));
    try {
      const settings = { entryPoints: ['broken.ts'], tsconfig: 'tsconfig.json', out: 'out' };
      await writeFile(join(directory, 'broken.ts'), '/** As {@link nowhere} does. */\nexport const one = 1;\n');
      const compilerOptions = { types: [], lib: ['es2023'], skipLibCheck: true };
      await writeFile(join(directory, 'tsconfig.json'), JSON.stringify({ files: ['broken.ts'], compilerOptions }));
      await writeFile(
        join(directory, 'typedoc.json'),
        JSON.stringify({ extends: [join(ROOT, 'lib/typedoc.json')], ...settings }),
      );
      const command = ['--no-install', 'typedoc', '--options', join(directory, 'typedoc.json')];
      const failure = await run('npx', command, { cwd: ROOT }).catch((error: unknown) => error);
      expect(failure).to.have.property('stderr').that.contains('link to "nowhere"');
      expect(existsSync(join(directory, 'out'))).to.equal(false);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
