'use strict';

/**
 * Writes the software bills of materials (CycloneDX 1.5, https://cyclonedx.org) of the build in dist/: one for each
 * image, with the packages in its bundles. `npm sbom` describes the packages; the build says which ones are bundled.
 * The same build has the same files: the random serial number and the time are omitted.
 *
 * With the arguments `lib DIRECTORY`: the one of the library, DIRECTORY/sbom.cdx.json, for its package. It has no
 * component but the library.
 */
const { execFileSync } = require('node:child_process');
const { mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

/** The bundles in each image. */
const IMAGES = {
  server: /^dist\/apps\/server\//,
  client: /^dist\/apps\/client\//,
  echo: /^dist\/apps\/echo\/server[.]js$/,
};

const BUNDLED = 'dist/bundled_packages.json';
const DIRECTORY = 'dist/sbom';

/** @param options of `npm sbom`: the packages of the lock file, or those of node_modules. */
function npmSbom(directory, ...options) {
  const args = ['sbom', '--sbom-format', 'cyclonedx', ...options];
  // npm is a script with another extension on Windows; here it runs on Linux and macOS.
  const text = execFileSync('npm', args, { cwd: directory, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  const bill = JSON.parse(text);
  delete bill.serialNumber;
  delete bill.metadata.timestamp;
  return bill;
}

/**
 * Reduces a bill to the bundled packages.
 *
 * @param all the bill of all packages of the project.
 * @param references the packages, `name@version`.
 * @throws Error for a package that is not in the bill.
 */
function reduceTo(all, name, references) {
  const known = new Map(all.components.map((component) => [component['bom-ref'], component]));
  const components = references.map((reference) => {
    const component = known.get(reference);
    if (component === undefined) throw new Error(`npm sbom does not list ${reference}, which is bundled`);
    // Also a package that package.json names for development only is a part of the program once it is bundled.
    const properties = component.properties.filter(({ name }) => name !== 'cdx:npm:package:development');
    return { ...component, scope: 'required', properties };
  });
  const { component: project } = all.metadata;
  const root = { ...project, type: 'application', name };
  return {
    ...all,
    metadata: { ...all.metadata, component: root },
    components,
    dependencies: all.dependencies
      .filter(({ ref }) => ref === root['bom-ref'] || references.includes(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((name) => references.includes(name)) })),
  };
}

function referenceOf(directory) {
  const { name, version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  return `${name}@${version}`;
}

function write(file, bill) {
  writeFileSync(file, `${JSON.stringify(bill, undefined, 2)}\n`);
}

function writeImages() {
  const bundled = Object.entries(JSON.parse(readFileSync(BUNDLED, 'utf8')));
  const all = npmSbom('.', '--package-lock-only');
  mkdirSync(DIRECTORY, { recursive: true });
  for (const [image, pattern] of Object.entries(IMAGES)) {
    const directories = bundled.flatMap(([bundle, packages]) => (pattern.test(bundle) ? packages : []));
    const references = Array.from(new Set(directories.map(referenceOf))).sort();
    write(join(DIRECTORY, `${image}.cdx.json`), reduceTo(all, `lottery-${image}`, references));
  }
}

function writeLibrary(directory) {
  const bill = npmSbom('lib');
  const { name } = JSON.parse(readFileSync('lib/package.json', 'utf8'));
  if (bill.components.length > 0) throw new Error('the library has dependencies');
  bill.metadata.component.name = name;
  write(join(directory, 'sbom.cdx.json'), bill);
}

module.exports = { reduceTo };

if (require.main === module) {
  const [, , part, directory] = process.argv;
  if (part === 'lib') writeLibrary(directory);
  else writeImages();
}
