'use strict';

/**
 * Bundles each program into one file of dist/, so that it starts without a search for hundreds of modules, and a
 * container needs no node_modules. `npm run typecheck` checks the types. The licences of all bundled packages are
 * written to dist/NOTICE, and the packages of each bundle to dist/bundled_packages.json (for tools/sbom.js).
 *
 * BUILD_READABLE: keeps the lines of the source in the bundles, for coverage and profiles, and makes no code caches.
 */
const { copyFileSync, cpSync, existsSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const esbuild = require('esbuild');
const { packagesOf } = require('./bundled_packages');
const { makeCodeCaches } = require('./code_cache');
const { LicenceError, makeNotice } = require('./notice');

const isReadable = process.env['BUILD_READABLE'] !== undefined;

/** Programs with one process per server and agency, often many at a time. They start from a code cache. */
const cached = ['apps/server/main', 'apps/client/main'];
const programs = [
  'apps/server/healthcheck.ts',
  'apps/server/backup_store.ts',
  'apps/echo/server.ts',
  'apps/echo/client.ts',
];
/** Programs beside the server that use its packages of the database. */
const databasePrograms = ['migrate', 'new_draw', 'export_store', 'import_store', 'verify', 'erase_draw'].map(
  (name) => `apps/server/${name}.ts`,
);
// Packages loaded on demand by the server, each a bundle beside it.
const drivers = ['pg', 'pg-copy-streams', 'pgpass'];
// Modules loaded on demand, and so separate from the program's own bundle.
const onDemand = ['apps/server/status/status_server.ts', 'apps/client/progress/progress_bar.ts'];
const tools = ['tools/run_lottery.ts', 'tools/generate_data.ts', 'tools/draw_key.ts', 'tools/generate_certificates.ts'];
const bench = [
  'bench/status_overhead.ts',
  'bench/system/main.ts',
  'bench/system/empty.ts',
  'bench/system/bare_server.ts',
  'bench/system/bare_tls_server.ts',
  'bench/system/collect_garbage.ts',
  'bench/system/local_address.ts',
  'test/torture/support/hostile_program.ts',
  'bench/system/baseline/server.ts',
  'bench/system/baseline/client.ts',
];
const pythonBaseline = 'bench/system/baseline/python';

const options = {
  outdir: 'dist',
  outbase: '.',
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  minifySyntax: true,
  // A smaller file is read faster at each start. Coverage needs the original lines.
  lineLimit: 160,
  minifyWhitespace: !isReadable,
  sourcemap: 'linked',
  metafile: true,
  external: ['@faker-js/faker', 'pg-native', './status/status_server', './progress/progress_bar'],
  logLevel: 'warning',
};
// The programs are also `bin` entries of the package.
const asProgram = { banner: { js: '#!/usr/bin/env node' } };
// The function that Node makes of every CommonJS file, for program_loader.js.
const asFunction = {
  banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
  footer: { js: '})' },
  outExtension: { '.js': '.bundle.js' },
};

/** The server, and the programs beside it, load the packages of the database from bundles beside them on demand. */
const withDrivers = {
  alias: Object.fromEntries(drivers.map((name) => [name, `./drivers/${name}`])),
  external: [...options.external, ...drivers.map((name) => `./drivers/${name}`)],
};

/** The directories of the packages in each bundle. */
const bundled = {};

function bundle(entryPoints, more) {
  const { metafile } = esbuild.buildSync({ ...options, ...more, entryPoints });
  Object.assign(bundled, packagesOf(metafile.outputs));
}

/** A container's build has no tools and no benchmarks. */
function present(entryPoints) {
  return entryPoints.filter((file) => existsSync(file));
}

function writeNotice() {
  const { name, version, license } = JSON.parse(readFileSync('package.json', 'utf8'));
  const directories = Array.from(new Set(Object.values(bundled).flat()));
  writeFileSync('dist/NOTICE', makeNotice(`${name} ${version}\nLicence: ${license}`, directories));
  writeFileSync('dist/bundled_packages.json', `${JSON.stringify(bundled, undefined, 2)}\n`);
}

async function build() {
  const entries = cached.map((program) => `${program}.ts`);
  bundle(Object.fromEntries(drivers.map((name) => [name, name])), {
    outbase: undefined,
    outdir: 'dist/apps/server/drivers',
    external: ['pg-native'],
  });
  bundle([...programs, ...onDemand, ...present([...tools, ...bench])], asProgram);
  bundle(databasePrograms, { ...asProgram, ...withDrivers });
  if (isReadable) {
    bundle(entries, { ...asProgram, ...withDrivers });
  } else {
    bundle(entries, { ...asFunction, ...withDrivers });
    const targets = cached.map((program) => join(__dirname, '..', 'dist', program));
    for (const target of targets) copyFileSync(join(__dirname, 'program_loader.js'), `${target}.js`);
    await makeCodeCaches(...targets);
  }
  if (existsSync(pythonBaseline)) cpSync(pythonBaseline, join('dist', pythonBaseline), { recursive: true });
  cpSync('apps/server/storage/postgres/migrations', 'dist/apps/server/migrations', { recursive: true });
  // The files of the status page are served unchanged.
  cpSync('apps/server/status/page', 'dist/apps/server/status/page', { recursive: true });
  writeNotice();
}

build().catch((error) => {
  console.error(error instanceof LicenceError ? `build: ${error.message}` : error);
  process.exitCode = 1;
});
