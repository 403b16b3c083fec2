import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';

/**
 * Writes the documents of the library for its package or for its site: the README, the guide, the examples.
 *
 *     library_documents.ts package|site DIRECTORY
 *
 * A link to a file that is among them leads to it; of another link, the text stays. The package's README is also its
 * page on npm, where a relative link leads nowhere: it names the files instead. On the site, each example is a page.
 */
const ROOT = resolve(__dirname, '..');

interface Layout {
  /** The place of a file of the repository; `undefined` if it is not among the documents. */
  placeOf(file: string): string | undefined;
  /** The link to a document, in a page that lies at `own`. */
  link(own: string, text: string, place: string, anchor: string): string;
  page(content: string): string;
  example(file: string, code: string): string;
}

const PACKAGE: Layout = {
  placeOf: (file) => {
    if (file === 'lib/README.md') return 'README.md';
    if (file === 'LICENSE' || file === 'examples' || /^examples\/.*\.ts$/.test(file)) return file;
    return placeInGuide(file);
  },
  link: (own, text, place, anchor) =>
    own === 'README.md' ? `${text} (\`${place}\`)` : relativeLink(own, text, place, anchor),
  page: (content) => content,
  example: (_, code) => code,
};

const SITE: Layout = {
  placeOf: (file) => {
    if (file === 'lib/README.md') return 'README.md';
    return /^examples\/.*\.ts$/.test(file) ? file.replace(/\.ts$/, '.md') : placeInGuide(file);
  },
  link: relativeLink,
  page: (content) => content.replace(/^# (.*)\n/, '---\ntitle: $1\ngroup: Guide\n---\n\n$&'),
  example: (file, code) =>
    `---\ntitle: ${basename(file)}\ngroup: Examples\n---\n\n# ${file}\n\n\`\`\`ts\n${code}\`\`\`\n`,
};

function placeInGuide(file: string): string | undefined {
  return /^docs\/library\/(.*\.md)$/.exec(file)?.[1]?.replace(/^/, 'docs/');
}

function relativeLink(own: string, text: string, place: string, anchor: string): string {
  return `[${text}](${relative(dirname(own), place)}${anchor})`;
}

/** The files of a folder with an ending, without those in subfolders. */
function filesIn(folder: string, ending: string): string[] {
  const names = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith(ending));
  return names.map((name) => join(folder, name));
}

/** The page without the hidden context of its code blocks, with the links of the layout. */
function convertPage(file: string, layout: Layout): string {
  const page = readFileSync(join(ROOT, file), 'utf8').replaceAll(/<!--\s*code\b[^]*?-->\n+/g, '');
  const parts = page.split(/(^```[^]*?^```$)/m);
  const isCode = (index: number): boolean => index % 2 === 1;
  return parts.map((part, index) => (isCode(index) ? part : convertLinks(file, part, layout))).join('');
}

/** @throws if a link leads nowhere. */
function convertLinks(file: string, text: string, layout: Layout): string {
  return text.replaceAll(/\[([^\]]*)\]\(([^)\s#]*)(#[^)\s]*)?\)/g, (link, label: string, path: string, anchor = '') => {
    if (path === '' || URL.canParse(path)) return link;
    const linked = join(dirname(file), path);
    if (!existsSync(join(ROOT, linked))) throw new Error(`${file}: a link leads to ${path}, which does not exist`);
    const place = layout.placeOf(linked);
    if (place === undefined) return `${label} (in the repository)`;
    return layout.link(layout.placeOf(file)!, label, place, anchor as string);
  });
}

/** The code as a user of the package has it. @throws if it imports a file that the package does not have. */
function convertExample(file: string): string {
  const code = readFileSync(join(ROOT, file), 'utf8')
    .replaceAll(/^\/\* eslint-.* \*\/\n/gm, '')
    .replaceAll(/'\.\.\/lib\/index';( \/\/ for you: .*)?/g, "'sockwright';")
    .replaceAll(/'\.\.\/lib\/testing\/index';( \/\/ for you: .*)?/g, "'sockwright/testing';")
    // With the ending, the import works in projects of CommonJS and of ES modules.
    .replaceAll(/ from '(\.\/\w+)';/g, " from '$1.js';");
  if (/from '\.\./.test(code)) throw new Error(`${file}: imports a file outside of examples/`);
  return code;
}

function main([kind, directory]: string[]): void {
  const layout = { package: PACKAGE, site: SITE }[kind as string];
  if (layout === undefined || directory === undefined)
    throw new Error('usage: library_documents.ts package|site DIRECTORY');
  const write = (file: string, content: string): void => {
    const target = join(directory, layout.placeOf(file)!);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
  };
  for (const folder of ['docs', 'examples']) rmSync(join(directory, folder), { recursive: true, force: true });
  for (const page of filesIn('docs/library', '.md')) write(page, layout.page(convertPage(page, layout)));
  for (const example of filesIn('examples', '.ts')) write(example, layout.example(example, convertExample(example)));
  write('lib/README.md', convertPage('lib/README.md', layout));
  if (layout === PACKAGE) cpSync(join(ROOT, 'LICENSE'), join(directory, 'LICENSE'));
}

main(process.argv.slice(2));
