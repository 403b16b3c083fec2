import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import ts from 'typescript';

import { faultOf, linksOf } from '../support/docs/links';
import { programsOf } from '../support/docs/page_programs';

const run = promisify(execFile);
const ROOT = resolve(__dirname, '../..');

/** Sends a message through an in-memory pair and prints it: both entry points, sockets and messages. */
const USE = `
  const codec = new TlvCodec(
    { typeBytes: 1, lengthBytes: 2, byteOrder: 'big-endian', maxValueBytes: 100 },
    utf8Text,
  );
  const [left, right] = connectedPair();
  void new FramedSocket(left, codec).send({ type: 'G', value: 'hello' });
  const message = await new FramedSocket(right, codec).receive();
  const listener = new ListenSocket({ host: '127.0.0.1', port: 0 });
  await listener.bindAndListen();
  const failure = await listener.accept({ timeoutMs: 1 }).catch((error: unknown) => error);
  if (!(failure instanceof TimedOutError)) throw failure;
  const code: 'TIMED_OUT' = failure.code;
  await listener.close();
  console.log(message?.value, code);
`;
const NAMES = 'ListenSocket, FramedSocket, TimedOutError, TlvCodec, utf8Text';
const USE_JAVASCRIPT = USE.replace(': unknown', '').replace(": 'TIMED_OUT'", '');
const EXPECTED = 'hello TIMED_OUT\n';

describe('the package, installed in an empty project', function () {
  this.timeout(120_000);

  let tarball: string;
  let project: string;

  before(async () => {
    const { stdout } = await run('make', ['-s', 'pack'], { cwd: ROOT });
    tarball = resolve(ROOT, stdout.trim().split('\n').at(-1)!);
    project = await realpath(await mkdtemp(join(tmpdir(), 'sockwright-user-')));
    await write('package.json', JSON.stringify({ name: 'user', version: '1.0.0', private: true }));
    await run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], { cwd: project });
  });

  after(() => rm(project, { recursive: true, force: true }));

  async function write(name: string, content: string): Promise<string> {
    const file = join(project, name);
    await writeFile(file, content);
    return file;
  }

  async function outputOf(file: string): Promise<string> {
    return (await run(process.execPath, [file], { cwd: project })).stdout;
  }

  /** The files of the package whose name has an ending, below its own directory. */
  async function packedFiles(ending: string): Promise<string[]> {
    const names = await readdir(packageDirectory(), { recursive: true });
    return names.filter((name) => name.endsWith(ending)).sort();
  }

  function packageDirectory(): string {
    return join(project, 'node_modules/sockwright');
  }

  it('is one file, with the licence, the readme, the guide, the examples and no tests', async () => {
    expect(existsSync(tarball), tarball).to.equal(true);
    const { stdout } = await run('tar', ['-tzf', tarball]);
    const files = stdout.trim().split('\n');
    const guide = (await readdir(join(ROOT, 'docs/library'))).map((page) => `package/docs/${page}`);
    expect(files).to.include.members(['package/LICENSE', 'package/README.md', 'package/dist/index.d.ts', ...guide]);
    for (const file of files) {
      const documents = 'LICENSE|README\\.md|sbom\\.cdx\\.json|docs/\\w+\\.md|examples/\\w+\\.ts';
      expect(file).to.match(new RegExp(`^package/(package\\.json|${documents}|dist/.*\\.(d\\.ts|js))$`));
    }
  });

  it('has a readme without relative links, for its page on npm; each named file is in the package', async () => {
    const readme = await readFile(join(packageDirectory(), 'README.md'), 'utf8');
    expect(linksOf(readme).filter((link) => !URL.canParse(link) && !link.startsWith('#'))).to.deep.equal([]);
    const named = [...readme.matchAll(/\(`([^`]+)`\)/g)].map(([, file]) => file!);
    expect(named).to.include.members(['docs/README.md', 'docs/tour.md', 'docs/contract.md', 'LICENSE']);
    for (const file of named) expect(existsSync(join(packageDirectory(), file)), file).to.equal(true);
  });

  it('has a guide whose links lead to files of the package, and the code blocks of the guide', async () => {
    for (const page of await packedFiles('.md')) {
      const content = await readFile(join(packageDirectory(), page), 'utf8');
      expect(linksOf(content).flatMap((link) => faultOf(page, link, packageDirectory()) ?? [])).to.deep.equal([]);
      expect(content).not.to.contain('<!--');
      const source = page === 'README.md' ? 'lib/README.md' : page.replace(/^docs/, 'docs/library');
      for (const { firstBlock } of programsOf(source)) expect(content).to.contain(firstBlock);
    }
  });

  it('has the version of the project and of its guide', async () => {
    const versionIn = async (directory: string): Promise<string> =>
      (JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as { version: string }).version;
    const version = await versionIn(packageDirectory());
    expect(await versionIn(ROOT)).to.equal(version);
    const comparison = await readFile(join(packageDirectory(), 'docs/comparison.md'), 'utf8');
    expect(/\bsockwright (\d+\.\d+\.\d+)/.exec(comparison)?.[1]).to.equal(version);
  });

  it('has a bill of materials with the library alone', async () => {
    const [library, bill] = await Promise.all([
      readFile(join(ROOT, 'lib/package.json'), 'utf8'),
      readFile(join(packageDirectory(), 'sbom.cdx.json'), 'utf8'),
    ]);
    const { name, version, license } = JSON.parse(library) as Record<string, string>;
    const { bomFormat, metadata, components, dependencies, serialNumber } = JSON.parse(bill) as {
      bomFormat: string;
      metadata: { component: object; timestamp?: string };
      components: unknown;
      dependencies: unknown;
      serialNumber?: string;
    };
    expect({ bomFormat, components, dependencies }).to.deep.equal({
      bomFormat: 'CycloneDX',
      components: [],
      dependencies: [{ ref: `${name}@${version}`, dependsOn: [] }],
    });
    expect(metadata.component).to.deep.include({
      name,
      version,
      purl: `pkg:npm/${name}@${version}`,
      licenses: [{ license: { id: license } }],
    });
    // The same library has the same file.
    expect([serialNumber, metadata.timestamp]).to.deep.equal([undefined, undefined]);
  });

  it('has no dependencies', async () => {
    const { stdout } = await run('npm', ['ls', '--all', '--parseable'], { cwd: project });
    expect(stdout.trim().split('\n')).to.have.length(2);
  });

  it('works from CommonJS', async () => {
    const file = await write(
      'use.cjs',
      `const { ${NAMES} } = require('sockwright');
       const { connectedPair } = require('sockwright/testing');
       (async () => {${USE_JAVASCRIPT}})();`,
    );
    expect(await outputOf(file)).to.equal(EXPECTED);
  });

  it('works from ES modules, by name', async () => {
    const file = await write(
      'use.mjs',
      `import { ${NAMES} } from 'sockwright';
       import { connectedPair } from 'sockwright/testing';
       ${USE_JAVASCRIPT}`,
    );
    expect(await outputOf(file)).to.equal(EXPECTED);
  });

  it('exports no other module', async () => {
    const file = await write('inside.cjs', "require('sockwright/dist/async/waiter.js')");
    const failure = await outputOf(file).catch((error: unknown) => error);
    expect(String(failure)).to.contain('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  describe('with its types', () => {
    before(async () => {
      await mkdir(join(project, 'node_modules/@types'), { recursive: true });
      for (const types of ['@types/node', 'undici-types']) {
        await symlink(join(ROOT, 'node_modules', types), join(project, 'node_modules', types));
      }
    });

    /** The sources and declarations of earlier compilations, by name: most of a compilation is the reading of Node's types. */
    const parsed = new Map<string, ts.SourceFile | undefined>();

    /** The errors of a compilation in the files of the project: its own, and those of the installed package. */
    function errorsOf(
      files: readonly string[],
      module: ts.ModuleKind,
      moduleResolution: ts.ModuleResolutionKind,
      further: ts.CompilerOptions = {},
    ): string[] {
      const options: ts.CompilerOptions = {
        noEmit: true,
        strict: true,
        target: ts.ScriptTarget.ES2022,
        types: ['node'],
        skipLibCheck: false,
        module,
        moduleResolution,
        ...further,
      };
      const host = ts.createCompilerHost(options, true);
      host.getCurrentDirectory = () => project;
      const read = host.getSourceFile.bind(host);
      host.getSourceFile = (name, target, ...more) => {
        const format = typeof target === 'object' ? target.impliedNodeFormat : undefined;
        const key = `${format} ${name}`;
        if (!parsed.has(key) || name.startsWith(project)) parsed.set(key, read(name, target, ...more));
        return parsed.get(key);
      };
      const program = ts.createProgram({ rootNames: files.map((name) => join(project, name)), options, host });
      const ours = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(`${project}/`));
      const checked = ours.flatMap((file) => [
        ...program.getSyntacticDiagnostics(file),
        ...program.getSemanticDiagnostics(file),
      ]);
      return [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics(), ...checked].map(
        ({ code, messageText }) => `TS${code}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
      );
    }

    const { ModuleKind, ModuleResolutionKind } = ts;
    // The resolution of bundlers supports no CommonJS modules, the old one neither of the endings.
    for (const { name, module, moduleResolution, endings, further } of [
      {
        name: 'node16',
        module: ModuleKind.Node16,
        moduleResolution: ModuleResolutionKind.Node16,
        endings: ['mts', 'cts'],
      },
      {
        name: 'nodenext',
        module: ModuleKind.NodeNext,
        moduleResolution: ModuleResolutionKind.NodeNext,
        endings: ['mts', 'cts'],
      },
      { name: 'bundler', module: ModuleKind.ESNext, moduleResolution: ModuleResolutionKind.Bundler, endings: ['mts'] },
      {
        name: 'node10',
        module: ModuleKind.CommonJS,
        moduleResolution: ModuleResolutionKind.Node10,
        endings: ['ts'],
        further: { ignoreDeprecations: '6.0' },
      },
    ]) {
      it(`has valid types: moduleResolution ${name}, with a check of its declarations`, async () => {
        const source = `import { ${NAMES} } from 'sockwright';
        import { connectedPair } from 'sockwright/testing';
        async function use(): Promise<void> {${USE}}
        void use();`;
        const files = endings.map((ending) => `use.${ending}`);
        for (const file of files) await write(file, source);
        expect(errorsOf(files, module, moduleResolution, further)).to.deep.equal([]);
      });
    }

    it('has examples that compile where they are', async () => {
      const examples = (await packedFiles('.ts')).filter((file) => file.startsWith('examples/'));
      expect(examples).to.include('examples/rpc_server.ts');
      const files = examples.map((file) => join('node_modules/sockwright', file));
      const lib = ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'];
      expect(errorsOf(files, ModuleKind.NodeNext, ModuleResolutionKind.NodeNext, { lib })).to.deep.equal([]);
    });

    it('has options that may be undefined, and examples, under exactOptionalPropertyTypes', async () => {
      await write(
        'exact.mts',
        `import * as sockwright from 'sockwright';
        import { type Faults, type MemoryPairOptions, type FaultyStreamOptions } from 'sockwright/testing';
        type AllUndefined<Options> = { [Key in keyof Options as {} extends Pick<Options, Key> ? Key : never]-?: undefined };
        declare const line: AllUndefined<sockwright.LineLayout>;
        declare const prefix: AllUndefined<sockwright.LengthPrefixLayout>;
        declare const tlv: AllUndefined<sockwright.TlvLayout<string>>;
        declare const codec: AllUndefined<sockwright.Codec<string>>;
        declare const socket: sockwright.StreamSocket;
        declare const all: AllUndefined<sockwright.BufferOptions & sockwright.TcpOptions & sockwright.ReceiveOptions &
          sockwright.ReconnectOptions & sockwright.BackoffOptions & sockwright.PipeOptions & sockwright.ServeOptions &
          sockwright.FramedSocketOptions & sockwright.ServeRequestsOptions & sockwright.RequestChannelOptions<string>>;
        export const checked: [
          Partial<sockwright.LineLayout>, Partial<sockwright.LengthPrefixLayout>,
          Partial<sockwright.TlvLayout<string>>, Partial<sockwright.Codec<string>>,
          sockwright.BufferOptions, sockwright.TcpOptions, sockwright.ReceiveOptions, sockwright.ReconnectOptions,
          sockwright.BackoffOptions, sockwright.PipeOptions, sockwright.ServeOptions, sockwright.FramedSocketOptions,
          sockwright.ServeRequestsOptions, sockwright.RequestChannelOptions<string>,
        ] = [line, prefix, tlv, codec, all, all, all, all, all, all, all, all, all, all];
        declare const faults: AllUndefined<Faults>;
        declare const memory: AllUndefined<MemoryPairOptions>;
        declare const faulty: AllUndefined<FaultyStreamOptions>;
        export const doubles: [Faults, MemoryPairOptions, FaultyStreamOptions] = [faults, memory, faulty];
        void socket.recvUntil('x', { limit: undefined });`,
      );
      const examples = (await packedFiles('.ts')).filter((file) => file.startsWith('examples/'));
      const files = ['exact.mts', ...examples.map((file) => join('node_modules/sockwright', file))];
      const further = { lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'], exactOptionalPropertyTypes: true };
      expect(errorsOf(files, ModuleKind.NodeNext, ModuleResolutionKind.NodeNext, further)).to.deep.equal([]);
    });

    it('has examples that compile in a project of ES modules', async () => {
      const directory = join(project, 'modules');
      await cp(join(packageDirectory(), 'examples'), directory, { recursive: true });
      await writeFile(join(directory, 'package.json'), JSON.stringify({ type: 'module' }));
      const files = (await readdir(directory)).filter((name) => name.endsWith('.ts'));
      expect(files).to.include.members(['resp_commands.ts', 'resp_protocol.ts', 'resp_server.ts']);
      const lib = ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'];
      const paths = files.map((name) => join('modules', name));
      expect(errorsOf(paths, ModuleKind.NodeNext, ModuleResolutionKind.NodeNext, { lib })).to.deep.equal([]);
    });

    it('refuses a wrong use by its types', async () => {
      await write('wrong.mts', "import { ConnectSocket } from 'sockwright'; new ConnectSocket({ host: 'h' });");
      const errors = errorsOf(['wrong.mts'], ModuleKind.NodeNext, ModuleResolutionKind.NodeNext);
      expect(errors).to.have.length(1);
      expect(errors[0]).to.match(/^TS2345: /);
    });
  });
});
