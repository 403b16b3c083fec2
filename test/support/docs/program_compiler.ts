import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from './markdown';
import { type PageProgram } from './page_programs';

const OPTIONS: ts.CompilerOptions = {
  strict: true,
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  types: ['node', 'mocha'],
  esModuleInterop: true,
  skipLibCheck: true,
};

/** The compiled programs of the documentation, in a directory with the compiled library as `sockwright`. */
export class ProgramCompiler {
  // Below node_modules, the programs find the other packages that the documentation uses, sinon for instance.
  private readonly directory = makeDirectory();
  private readonly errors = new Map<PageProgram, string[]>();

  /** Compiles the library and all programs at once, because a compiler needs a second to start. */
  constructor(private readonly programs: readonly PageProgram[]) {
    this.compileLibrary();
    const files = programs.map((program) => this.write(program));
    const compilation = ts.createProgram(files, OPTIONS);
    for (const [index, program] of programs.entries()) {
      const file = compilation.getSourceFile(files[index]!)!;
      const diagnostics = [...compilation.getSyntacticDiagnostics(file), ...compilation.getSemanticDiagnostics(file)];
      this.errors.set(
        program,
        diagnostics.map((diagnostic) => describe(program, file, diagnostic)),
      );
    }
    compilation.emit();
  }

  /** The errors of a program, with their places in the documentation. */
  errorsOf(program: PageProgram): readonly string[] {
    return this.errors.get(program)!;
  }

  /** The path of the compiled program. */
  outputOf(program: PageProgram): string {
    return this.fileOf(program, 'mjs');
  }

  /** Writes JavaScript beside the programs. Returns its path. */
  writeModule(name: string, code: string): string {
    const file = join(this.directory, name);
    writeFileSync(file, code);
    return file;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** As `make pack` does: internal declarations are stripped, so the documentation cannot use them. */
  private compileLibrary(): void {
    const target = join(this.directory, 'node_modules/sockwright');
    mkdirSync(target, { recursive: true });
    cpSync(join(ROOT, 'lib/package.json'), join(target, 'package.json'));
    const config = ts.getParsedCommandLineOfConfigFile(
      join(ROOT, 'lib/tsconfig.json'),
      // `make lint` checks the types of the library.
      { outDir: join(target, 'dist'), noCheck: true },
      {
        ...ts.sys,
        onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
          throw new Error(text(diagnostic));
        },
      },
    )!;
    ts.createProgram(config.fileNames, config.options).emit();
  }

  private write(program: PageProgram): string {
    const file = this.fileOf(program, 'mts');
    writeFileSync(file, program.lines.map((line) => line.text).join('\n'));
    return file;
  }

  private fileOf(program: PageProgram, ending: string): string {
    return join(this.directory, `program_${this.programs.indexOf(program)}.${ending}`);
  }
}

function makeDirectory(): string {
  const cache = join(ROOT, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  return mkdtempSync(join(cache, 'docs-'));
}

function describe(program: PageProgram, file: ts.SourceFile, diagnostic: ts.Diagnostic): string {
  const line = program.lines[file.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line]!;
  return `${line.page}:${line.number}: ${text(diagnostic)}`;
}

function text(diagnostic: ts.Diagnostic): string {
  return ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n');
}
