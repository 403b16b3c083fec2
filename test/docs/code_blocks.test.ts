import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { packagedModules, guidePages, readDocstrings, ROOT } from '../support/docs/markdown';
import { type PageProgram, programsOf, promisedOutput } from '../support/docs/page_programs';
import { ProgramCompiler } from '../support/docs/program_compiler';

const run = promisify(execFile);
const FREE_PORTS = join(ROOT, 'test/support/docs/free_ports.js');

const pages = [
  ...guidePages().map((page) => ({ page, programs: programsOf(page) })),
  // The docstrings are the reference, which is on the same site.
  ...packagedModules().map((module) => ({ page: module, programs: programsOf(module, readDocstrings(module)) })),
];

describe('the code blocks of the documentation', function () {
  this.timeout(180_000);

  let compiler: ProgramCompiler;

  before(() => {
    compiler = new ProgramCompiler(pages.flatMap(({ programs }) => programs));
  });

  after(() => compiler.remove());

  /** The printed lines of a program that ends by itself, without a warning. Ports are replaced by `N`. */
  async function outputOf(file: string): Promise<string[]> {
    const { stdout, stderr } = await run(process.execPath, ['-r', FREE_PORTS, file], { timeout: 60_000 });
    expect(stderr).to.equal('');
    return withoutPorts(stdout.split('\n').slice(0, -1));
  }

  function withoutPorts(lines: string[]): string[] {
    return lines.map((line) => line.replaceAll(/port: \d+/g, 'port: N'));
  }

  for (const { page, programs } of pages) {
    for (const program of programs) defineTests(program);

    function defineTests(program: PageProgram): void {
      if (!program.compiles) {
        it(`${program.place} has an error`, () => expect(compiler.errorsOf(program)).not.to.deep.equal([]));
        return;
      }
      it(`${program.place} compiles`, () => expect(compiler.errorsOf(program)).to.deep.equal([]));
      if (!program.runs) return;
      it(`${program.place} runs`, async () => {
        expect(await outputOf(compiler.outputOf(program))).to.deep.equal(withoutPorts(promisedOutput(program)));
      });
    }

    if (page === 'lib/README.md') {
      it('the first example runs as it is, without a compiler', async () => {
        const [example] = programs;
        const file = compiler.writeModule('first_example.mjs', example!.firstBlock);
        expect(await outputOf(file)).to.deep.equal(withoutPorts(promisedOutput(example!)));
      });
    }
  }

  it('are on the pages that have them', () => {
    const counts = new Map(pages.map(({ page, programs }) => [page, programs.length]));
    for (const page of ['lib/README.md', 'docs/library/tour.md', 'docs/library/testing.md'])
      expect(counts.get(page), page).to.be.greaterThan(1);
  });
});
