import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import MarkdownIt from 'markdown-it';

export const ROOT = resolve(__dirname, '../../..');

/** The syntax of GitHub and npm: CommonMark with tables, and HTML comments. */
const markdown = new MarkdownIt({ html: true });

export type Token = ReturnType<typeof markdown.parse>[number];

export function tokensOf(content: string): Token[] {
  return markdown.parse(content, {});
}

/** The content of a page. Its path is relative to the root, by default that of the project. */
export function readPage(page: string, root = ROOT): string {
  return readFileSync(join(root, page), 'utf8');
}

/** The pages of a folder, without its subfolders, sorted. */
export function pagesIn(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.md'));
  return names.sort().map((name) => join(folder, name));
}

/** The modules of the library. */
export function packagedModules(): string[] {
  const names = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /^(?!dist|node_modules).*\.ts$/.test(name)).map((name) => join('lib', name));
}

/** The text of the docstrings of a module, each line where it is in the module. */
export function readDocstrings(module: string): string {
  const lines = readPage(module).split('\n');
  return lines.map((line) => /^\s*\* ?(.*)$/.exec(line)?.[1] ?? '').join('\n');
}

/** The pages about the library, in the order of a reader. */
export function guidePages(): string[] {
  return ['README.md', 'lib/README.md', ...pagesIn('docs/library')];
}
