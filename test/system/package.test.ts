import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';

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
    project = await mkdtemp(join(tmpdir(), 'sockwright-user-'));
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

  it('is one file, with the licence, the readme and no tests', async () => {
    expect(existsSync(tarball), tarball).to.equal(true);
    const { stdout } = await run('tar', ['-tzf', tarball]);
    const files = stdout.trim().split('\n');
    expect(files).to.include.members(['package/LICENSE', 'package/README.md', 'package/dist/index.d.ts']);
    for (const file of files)
      expect(file).to.match(/^package\/(package\.json|LICENSE|README\.md|sbom\.cdx\.json|dist\/.*\.(d\.ts|js))$/);
  });

  it('has a bill of materials with the library alone', async () => {
    const [library, bill] = await Promise.all([
      readFile(join(ROOT, 'lib/package.json'), 'utf8'),
      readFile(join(project, 'node_modules/sockwright/sbom.cdx.json'), 'utf8'),
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

  for (const [module, moduleResolution] of [
    ['node16', 'node16'],
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ] as const) {
    it(`has valid types: moduleResolution ${moduleResolution}, with a check of the libraries`, async () => {
      await mkdir(join(project, 'node_modules/@types'), { recursive: true });
      for (const types of ['@types/node', 'undici-types']) {
        const link = join(project, 'node_modules', types);
        if (!existsSync(link)) await symlink(join(ROOT, 'node_modules', types), link);
      }
      const source = `import { ${NAMES} } from 'sockwright';
        import { connectedPair } from 'sockwright/testing';
        async function use(): Promise<void> {${USE}}
        void use();`;
      await write('use.mts', source);
      // The resolution of bundlers does not support CommonJS modules.
      if (moduleResolution !== 'bundler') await write('use.cts', source);
      const files = moduleResolution === 'bundler' ? ['use.mts'] : ['use.mts', 'use.cts'];
      const options = ['--noEmit', '--strict', '--target', 'es2022', '--types', 'node', '--skipLibCheck', 'false'];
      const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
      const compilation = run(
        process.execPath,
        [compiler, ...options, '--module', module, '--moduleResolution', moduleResolution, ...files],
        { cwd: project },
      );
      await compilation.catch((error: { stdout: string }) => expect.fail(error.stdout));
    });
  }

  it('refuses a wrong use by its types', async () => {
    await write('wrong.mts', "import { ConnectSocket } from 'sockwright'; new ConnectSocket({ host: 'h' });");
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--types', 'node', '--skipLibCheck'];
    const failure = await run(process.execPath, [compiler, ...options, 'wrong.mts'], { cwd: project }).catch(
      (error: { stdout: string }) => error,
    );
    expect(failure.stdout).to.contain('TS2345');
  });
});
