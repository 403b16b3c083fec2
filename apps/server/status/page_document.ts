import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The status page as one self-contained document. */
export interface PageDocument {
  readonly html: string;
  /** The `Content-Security-Policy`: exactly the scripts and styles of the documents, the live updates, and nothing else. */
  readonly policy: string;
}

/** The form for the token. */
export interface LoginDocument {
  /** @param fault why the last token was refused. */
  html(fault?: string): string;
}

/** A document with its style and its script. */
interface AssembledDocument {
  readonly html: string;
  readonly style: string;
  readonly script: string;
}

/** The references of a document to its files, one a line. */
const STYLES = /^ *<link rel="stylesheet" href="(.+)" \/>\n/gm;
const SCRIPTS = /^ *<script src="(.+)"><\/script>\n/gm;

/** The lines that only some documents have. */
const LOGOUT = /^ *<form id="logout".*\n/m;
const FAULT = /^ *<p class="fault".*\n/m;

/** Assembles the page. It has neither a login nor a logout. */
export function loadPageDocument(): PageDocument {
  const { html, style, script } = assemble('index.html');
  return { html: html.replace(LOGOUT, ''), policy: policyOf([style], script, "'none'") };
}

/** Assembles the page with a logout, and the login. The policy is for both. */
export function loadPageWithLogin(): { readonly page: PageDocument; readonly login: LoginDocument } {
  const { html, style, script } = assemble('index.html');
  const form = assemble('login/login.html');
  const policy = policyOf([style, form.style], script, "'self'");
  const withoutFault = form.html.replace(FAULT, '');
  return {
    page: { html, policy },
    login: { html: (fault) => (fault === undefined ? withoutFault : form.html.replace('{fault}', fault)) },
  };
}

function policyOf(styles: readonly string[], script: string, formAction: string): string {
  return [
    "default-src 'none'",
    `style-src ${styles.map((style) => `'${hashOf(style)}'`).join(' ')}`,
    `script-src '${hashOf(script)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    `form-action ${formAction}`,
    "frame-ancestors 'none'",
  ].join('; ');
}

/** A file of `page/` with the files that it refers to, joined in their order. */
function assemble(name: string): AssembledDocument {
  const file = readPart(name);
  const style = joinParts(file, STYLES);
  const script = joinParts(file, SCRIPTS);
  const html = inlineAtFirst(
    inlineAtFirst(file, STYLES, `<style>${style}</style>\n`),
    SCRIPTS,
    `<script>${script}</script>\n`,
  );
  return { html, style, script };
}

function joinParts(file: string, references: RegExp): string {
  return Array.from(file.matchAll(references), ([, name]) => readPart(name!)).join('');
}

/** Replaces the first reference, and removes the others. */
function inlineAtFirst(file: string, references: RegExp, content: string): string {
  let isFirst = true;
  return file.replace(references, () => {
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
