import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { expect } from 'chai';
import { loadPageDocument, loadPageWithLogin } from '../../../../../apps/server/status/page_document';

const DIRECTORY = join(__dirname, '../../../../../apps/server/status/page');

/** The contents of the elements with this tag. */
function contentsOf(html: string, tag: string): string[] {
  return Array.from(html.matchAll(new RegExp(`<${tag}>(.*?)</${tag}>`, 'gs')), ([, content]) => content!);
}

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}'`;

describe('the document of the status page', () => {
  const { html, policy } = loadPageDocument();

  for (const [tag, folder, directive] of [
    ['style', 'style', 'style-src'],
    ['script', 'script', 'script-src'],
  ] as const) {
    it(`has every file of ${folder}/ in one element, which the policy allows by its hash`, () => {
      const contents = contentsOf(html, tag);
      expect(contents).to.have.length(1);
      const [content] = contents;
      const parts = readdirSync(join(DIRECTORY, folder)).map((name) =>
        readFileSync(join(DIRECTORY, folder, name), 'utf8'),
      );
      for (const part of parts) expect(content).to.include(part);
      expect(content).to.have.length(parts.join('').length);
      expect(policy.split('; ')).to.include(`${directive} ${hashOf(content!)}`);
    });
  }

  it('has no form', () => {
    expect(html).not.to.match(/<form|logout"/);
    expect(policy).to.match(/; form-action 'none'; /);
  });

  it('refers to no file', () => {
    expect(html).not.to.match(/ src=|<link rel="stylesheet"/);
  });

  it('has one script of names without a conflict', () => {
    expect(() => new Script(contentsOf(html, 'script')[0]!)).not.to.throw();
  });
});

describe('the documents of a status server with a login', () => {
  const { page, login } = loadPageWithLogin();

  it('are the page with a logout, and a form without a script', () => {
    const logout = /^ *<form id="logout" method="post" action="\/logout"><button>Log out<\/button><\/form>\n/m;
    expect(page.html).to.match(logout);
    expect(page.html.replace(logout, '')).to.equal(loadPageDocument().html);
    expect(login.html()).to.match(/<form method="post" action="\/login">/);
    expect(login.html()).not.to.match(/<script| src=|<link rel="stylesheet"|class="fault"/);
    expect(login.html('the fault')).to.include('<p class="fault" role="alert">the fault</p>');
  });

  it('have one policy for both, with their styles by hash', () => {
    const styles = [page.html, login.html()].flatMap((html) => contentsOf(html, 'style'));
    expect(styles).to.have.length(2);
    const directives = page.policy.split('; ');
    expect(directives).to.include(`style-src ${styles.map((style) => hashOf(style)).join(' ')}`);
    expect(directives).to.include("form-action 'self'");
    const plain = loadPageDocument().policy.split('; ');
    const others = (list: readonly string[]): string[] =>
      list.filter((item) => !/^(style-src|form-action) /.test(item));
    expect(others(directives)).to.deep.equal(others(plain));
  });
});
