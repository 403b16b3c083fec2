import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The status page as one self-contained document, with its policy. */
export interface PageDocument {
  readonly html: string;
  /** Its `Content-Security-Policy`: exactly this script and style, the live updates, and nothing else. */
  readonly policy: string;
}

/** The references of `index.html` to the files of the page, one a line. */
const STYLES = /^ *<link rel="stylesheet" href="(.+)" \/>\n/gm;
const SCRIPTS = /^ *<script src="(.+)"><\/script>\n/gm;

/** Assembles the page: `page/index.html` with the files that it refers to, joined in their order. */
export function loadPageDocument(): PageDocument {
  const index = readPart('index.html');
  const style = joinParts(index, STYLES);
  const script = joinParts(index, SCRIPTS);
  const html = inlineAtFirst(
    inlineAtFirst(index, STYLES, `<style>${style}</style>\n`),
    SCRIPTS,
    `<script>${script}</script>\n`,
  );
  const policy = [
    "default-src 'none'",
    `style-src '${hashOf(style)}'`,
    `script-src '${hashOf(script)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { html, policy };
}

function joinParts(index: string, references: RegExp): string {
  return Array.from(index.matchAll(references), ([, name]) => readPart(name!)).join('');
}

/** Replaces the first reference, and removes the others. */
function inlineAtFirst(index: string, references: RegExp, content: string): string {
  let isFirst = true;
  return index.replace(references, () => {
    const replacement = isFirst ? content : '';
    isFirst = false;
    return replacement;
  });
}

function readPart(name: string): string {
  return readFileSync(join(__dirname, 'page', name), 'utf8');
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}`;
}
