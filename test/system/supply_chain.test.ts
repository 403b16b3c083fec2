import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'chai';

import { runCommand } from '../support/command';

const ROOT = resolve(__dirname, '../..');
const DIST = join(ROOT, 'dist');

/** The packages that the source maps of the bundles below a directory name: their directories. */
async function packagesInMaps(directory: string): Promise<string[]> {
  const found = new Set<string>();
  for (const name of await readdir(directory, { recursive: true })) {
    if (!name.endsWith('.map')) continue;
    const map = join(directory, name);
    const { sources } = JSON.parse(await readFile(map, 'utf8')) as { sources: string[] };
    for (const source of sources) {
      const [path] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(resolve(dirname(map), source)) ?? [];
      if (path !== undefined) found.add(path);
    }
  }
  // It only exports the classes of its parts, so no line of it is left in a bundle.
  if (found.has(join(ROOT, 'node_modules/@inversifyjs/container'))) found.add(join(ROOT, 'node_modules/inversify'));
  return Array.from(found);
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

async function manifestsIn(directory: string): Promise<Manifest[]> {
  const directories = await packagesInMaps(directory);
  return Promise.all(
    directories.map(async (path) => JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as Manifest),
  );
}

const unique = (names: readonly string[]): string[] => Array.from(new Set(names)).sort();

describe('the supply chain of the build', function () {
  this.timeout(120_000);

  it('is in the NOTICE: each package in the source map of a bundle, and no other', async () => {
    const notice = await readFile(join(DIST, 'NOTICE'), 'utf8');
    const entries = notice.match(/^-{80}\n.+\nLicence: .+$/gm)!.map((entry) => entry.split('\n').slice(1).join('\n'));
    const expected = (await manifestsIn(DIST)).map(
      ({ name, version, license }) => `${name} ${version}\nLicence: ${license}`,
    );
    expect(expected).to.have.length.greaterThan(30);
    expect(entries).to.have.members(unique(expected));
  });

  it('is in the bills of materials of the images, each with the packages of its own bundles', async () => {
    const { code, stderr } = await runCommand('make', ['-s', '-o', 'build', 'sbom'], { cwd: ROOT });
    expect(code, stderr).to.equal(0);
    for (const image of ['server', 'client', 'echo']) {
      const text = await readFile(join(DIST, `sbom/${image}.cdx.json`), 'utf8');
      const bill = JSON.parse(text) as {
        serialNumber?: string;
        metadata: { timestamp?: string; component: { name: string; type: string; 'bom-ref': string } };
        components: { 'bom-ref': string; licenses: unknown; hashes: unknown[]; scope: string }[];
        dependencies: { ref: string; dependsOn: string[] }[];
      };
      const bundled = await manifestsIn(join(DIST, 'apps', image));
      const expected = unique(bundled.map(({ name, version }) => `${name}@${version}`));
      expect(bill.components.map((component) => component['bom-ref'])).to.deep.equal(expected);
      expect(bill.metadata.component).to.include({ name: `lottery-${image}`, type: 'application' });
      expect([bill.serialNumber, bill.metadata.timestamp]).to.deep.equal([undefined, undefined]);
      for (const component of bill.components) {
        const manifest = bundled.find(({ name, version }) => `${name}@${version}` === component['bom-ref'])!;
        expect(component.licenses).to.deep.equal([{ license: { id: manifest.license } }]);
        expect(component.hashes, component['bom-ref']).to.have.length(1);
        expect(component.scope).to.equal('required');
      }
      // The graph has an entry of each component, and leads to nothing outside.
      const refs = [bill.metadata.component['bom-ref'], ...expected];
      expect(bill.dependencies.map(({ ref }) => ref)).to.have.members(refs);
      for (const { dependsOn } of bill.dependencies) expect(refs).to.include.members(dependsOn);
    }
  });

  it('fails the build with one line if a bundled package has an unknown licence', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'build-'));
    try {
      for (const name of ['apps', 'lib', 'tsconfig.json', 'package.json']) {
        await symlink(join(ROOT, name), join(directory, name));
      }
      await cp(join(ROOT, 'tools'), join(directory, 'tools'), { recursive: true });
      await mkdir(join(directory, 'node_modules'));
      for (const name of await readdir(join(ROOT, 'node_modules'))) {
        if (name !== 'pg') await symlink(join(ROOT, 'node_modules', name), join(directory, 'node_modules', name));
      }
      await cp(join(ROOT, 'node_modules/pg'), join(directory, 'node_modules/pg'), { recursive: true });
      const manifest = join(directory, 'node_modules/pg/package.json');
      const content = JSON.parse(await readFile(manifest, 'utf8')) as object;
      await writeFile(manifest, JSON.stringify({ ...content, license: 'UNLICENSED' }));

      const env = { BUILD_READABLE: '1' };
      const result = await runCommand(process.execPath, ['tools/build.js'], { cwd: directory, env });
      expect(result.stderr).to.match(
        /^build: the NOTICE cannot be made: the licence of pg \S+, UNLICENSED, is not one of .*\n$/,
      );
      expect(result.code).to.equal(1);
      expect(await readdir(join(directory, 'dist'))).not.to.include('NOTICE');
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('has the version of package.json in the labels of the images', async () => {
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Manifest;
    const dockerfile = await readFile(join(ROOT, 'Dockerfile'), 'utf8');
    expect(dockerfile.match(/org\.opencontainers\.image\.version="([^"]*)"/g)).to.deep.equal([
      `org.opencontainers.image.version="${version}"`,
    ]);
  });
});
