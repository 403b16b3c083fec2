import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import GithubSlugger from 'github-slugger';
import { readPage, ROOT, tokensOf } from './markdown';

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

/** Why a link of a page leads nowhere; `undefined` if it is right, or leads to another host. */
export function faultOf(page: string, link: string, root = ROOT): string | undefined {
  if (URL.canParse(link)) return undefined;
  const [path, anchor] = link.split('#') as [string, string?];
  const target = path === '' ? page : join(dirname(page), decodeURI(path));
  if (!existsSync(join(root, target))) return `${link}: no such file`;
  if (anchor === undefined) return undefined;
  if (!statSync(join(root, target)).isFile() || !target.endsWith('.md')) return `${link}: an anchor of no page`;
  return anchorsOf(readPage(target, root)).includes(anchor) ? undefined : `${link}: no such heading`;
}
