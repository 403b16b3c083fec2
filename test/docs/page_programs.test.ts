import { expect } from 'chai';
import { packagedModules, readDocstrings } from '../support/docs/markdown';
import { type PageProgram, programsOf, promisedOutput } from '../support/docs/page_programs';
import { ProgramCompiler } from '../support/docs/program_compiler';

const block = (code: string, language = 'ts'): string => `\`\`\`${language}\n${code}\n\`\`\`\n\n`;

function programsIn(content: string): PageProgram[] {
  return programsOf('page.md', content);
}

function codeOf(program: PageProgram): string[] {
  return program.lines.map(({ text }) => text).filter((text) => text.trim() !== '');
}

describe('the programs of a page', () => {
  it('have the code of their blocks with the context', () => {
    const programs = programsIn(
      '<!-- code before\nconst one = 1;\n-->\n<!-- code after\nconsole.log(three); // 3\n-->\n\n' +
        block('const two = one + 1;\nconst three = 3;') +
        'Text.\n\n' +
        block('const other = 4;') +
        '<!-- code continues -->\n\n' +
        block('const five = other + 1;'),
    );
    expect(programs.map(codeOf)).to.deep.equal([
      ['const one = 1;', 'const two = one + 1;', 'const three = 3;', 'console.log(three); // 3'],
      ['const other = 4;', 'const five = other + 1;'],
    ]);
    expect(programs.map(({ place }) => place)).to.deep.equal(['page.md:8', 'page.md:15']);
    expect(promisedOutput(programs[0]!)).to.deep.equal(['3']);
  });

  it('are run, unless they are fragments or marked', () => {
    const programs = programsIn(
      block('one();') +
        '<!-- code before\ndeclare const two: number;\n-->\n\n' +
        block('two;') +
        '<!-- code does not run: it needs a printer -->\n\n' +
        block('three();') +
        '<!-- code does not compile: a wrong type -->\n\n' +
        block("const four: number = '4';"),
    );
    expect(programs.map(({ compiles, runs }) => ({ compiles, runs }))).to.deep.equal([
      { compiles: true, runs: true },
      { compiles: true, runs: false },
      { compiles: true, runs: false },
      { compiles: false, runs: false },
    ]);
  });

  it('leave out the blocks of other languages, by name', () => {
    expect(programsIn(block('npm test', 'sh'))).to.deep.equal([]);
    for (const language of ['', 'js', 'typescript', 'ts twoslash'])
      expect(() => programsIn(block('one();', language)), language).to.throw('page.md:1: the language');
  });

  it('are found in docstrings too', () => {
    expect(readDocstrings('lib/index.ts').split('\n').slice(0, 3)).to.deep.equal([
      '',
      'Object-oriented TCP sockets with promises, and framed messages on them.',
      '',
    ]);
    expect(packagedModules()).to.include.members(['lib/index.ts', 'lib/sockets/listen_socket.ts']);
  });

  it('refuse context that no block would get', () => {
    expect(() => programsIn(`<!-- code continues -->\n\nText.\n\n${block('one();')}`)).to.throw('directly before');
    expect(() => programsIn(`${block('one();')}<!-- code continues -->\n`)).to.throw('directly before');
    expect(() => programsIn(`<!-- code continues -->\n\n${block('one();')}`)).to.throw('no block before');
    expect(() => programsIn(`<!-- code befor\none();\n-->\n\n${block('two();')}`)).to.throw('unknown comment');
    expect(() => programsIn("    import { a } from 'sockwright';\n")).to.throw('indented code');
  });

  it('are reported with their place in the page', () => {
    const programs = programsIn(`Text.\n\n${block("import 'sockwright';\nconst one: number = 'one';")}`);
    const compiler = new ProgramCompiler(programs);
    try {
      expect(compiler.errorsOf(programs[0]!)).to.deep.equal([
        "page.md:5: Type 'string' is not assignable to type 'number'.",
      ]);
    } finally {
      compiler.remove();
    }
  }).timeout(180_000);
});
