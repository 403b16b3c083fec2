import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The status page as one self-contained document, with its policy. */
export interface PageDocument {
  readonly html: string;
  /** Its `Content-Security-Policy`: exactly this script and style, the live updates, and nothing else. */
  readonly policy: string;
}

/** Assembles the page from the files of `page/`. */
export function loadPageDocument(): PageDocument {
  const style = readPart('style.css');
  const script = readPart('servers.js') + readPart('script.js');
  const html = readPart('index.html')
    .replace('<style></style>', () => `<style>${style}</style>`)
    .replace('<script></script>', () => `<script>${script}</script>`);
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

function readPart(name: string): string {
  return readFileSync(join(__dirname, 'page', name), 'utf8');
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}`;
}
