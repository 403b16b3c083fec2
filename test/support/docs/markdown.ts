import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import MarkdownIt from 'markdown-it';
import GithubSlugger from 'github-slugger';

export const ROOT = resolve(__dirname, '../../..');

/** The syntax of GitHub and npm: CommonMark with tables, and HTML comments. */
const markdown = new MarkdownIt({ html: true });

export type Token = ReturnType<typeof markdown.parse>[number];

export function tokensOf(content: string): Token[] {
  return markdown.parse(content, {});
}

/** The content of a page. Its path is relative to the root of the project. */
export function readPage(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** The pages of a folder, without its subfolders, sorted. */
export function pagesIn(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.md'));
  return names.sort().map((name) => join(folder, name));
}

/** The pages about the library, in the order of a reader. */
export function libraryPages(): string[] {
  return ['README.md', 'lib/README.md', ...pagesIn('docs/library')];
}

/** The targets of all links and images, in their order. */
export function linksOf(content: string): string[] {
  const inline = tokensOf(content).flatMap((token) => token.children ?? []);
  return inline.flatMap((token) => token.attrGet('href') ?? token.attrGet('src') ?? []);
}

/** The anchors of all headings, as GitHub gives them. */
export function anchorsOf(content: string): string[] {
  const slugger = new GithubSlugger();
  const tokens = tokensOf(content);
  const headings = tokens.filter((_, index) => tokens[index - 1]?.type === 'heading_open');
  return headings.map((heading) => slugger.slug(heading.children!.map((part) => part.content).join('')));
}
