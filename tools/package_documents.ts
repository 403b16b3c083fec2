import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/**
 * Writes the documents of the library's package: the README, the guide in docs/, the examples, and the licence.
 *
 *     package_documents.ts DIRECTORY
 *
 * A link to a file that the package has leads to it; of another link, the text stays. The README is also the page of the
 * package on npm, where a relative link leads nowhere: it names the files instead.
 */
const ROOT = resolve(__dirname, '..');

/** The place of a file of the repository in the package; `undefined` if the package does not have it. */
function placeInPackage(file: string): string | undefined {
  if (file === 'lib/README.md') return 'README.md';
  if (file === 'LICENSE' || file === 'examples' || /^examples\/.*\.ts$/.test(file)) return file;
  return /^docs\/library\/(.*\.md)$/.exec(file)?.[1]?.replace(/^/, 'docs/');
}

/** The files of a folder with an ending, without those in subfolders. */
function filesIn(folder: string, ending: string): string[] {
  const names = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith(ending));
  return names.map((name) => join(folder, name));
}

/** A page with `change` applied to the parts outside of its code blocks. */
function mapText(page: string, change: (text: string) => string): string {
  const parts = page.split(/(^```[^]*?^```$)/m);
  return parts.map((part, index) => (index % 2 === 0 ? change(part) : part)).join('');
}

/** @throws if a link of the page leads nowhere. */
function packPage(file: string): string {
  const page = readFileSync(join(ROOT, file), 'utf8');
  const withoutContext = page.replaceAll(/<!--\s*code\b[^]*?-->\n+/g, '');
  return mapText(withoutContext, (part) =>
    part.replaceAll(/\[([^\]]*)\]\(([^)\s]+)\)/g, (link, text: string, target: string) => {
      if (URL.canParse(target) || target.startsWith('#')) return link;
      return packLink(file, text, target);
    }),
  );
}

function packLink(file: string, text: string, target: string): string {
  const [path, anchor] = target.split('#') as [string, string?];
  const linked = join(dirname(file), path);
  if (!existsSync(join(ROOT, linked))) throw new Error(`${file}: a link leads to ${target}, which does not exist`);
  const place = placeInPackage(linked);
  if (place === undefined) return `${text} (in the repository)`;
  const own = placeInPackage(file)!;
  if (own === 'README.md') return `${text} (\`${place}\`)`;
  return `[${text}](${relative(dirname(own), place)}${anchor === undefined ? '' : `#${anchor}`})`;
}

/** @throws if an example imports a file that the package does not have. */
function packExample(file: string): string {
  const code = readFileSync(join(ROOT, file), 'utf8')
    .replaceAll(/^\/\* eslint-.* \*\/\n/gm, '')
    .replaceAll(/'\.\.\/lib\/index';( \/\/ for you: .*)?/g, "'sockwright';")
    .replaceAll(/'\.\.\/lib\/testing\/index';( \/\/ for you: .*)?/g, "'sockwright/testing';");
  if (/from '\.\./.test(code)) throw new Error(`${file}: imports a file outside of examples/`);
  return code;
}

function main([directory]: string[]): void {
  if (directory === undefined) throw new Error('usage: package_documents.ts DIRECTORY');
  const write = (file: string, content: string): void => {
    const target = join(directory, placeInPackage(file)!);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
  };
  for (const page of ['lib/README.md', ...filesIn('docs/library', '.md')]) write(page, packPage(page));
  for (const example of filesIn('examples', '.ts')) write(example, packExample(example));
  cpSync(join(ROOT, 'LICENSE'), join(directory, 'LICENSE'));
}

main(process.argv.slice(2));
