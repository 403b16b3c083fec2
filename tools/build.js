'use strict';

/**
 * Bundles each program into one file of dist/, so that it starts without looking for hundreds of modules and a container
 * needs no node_modules. Types are checked elsewhere (`npm run typecheck`).
 */
const { cpSync, existsSync } = require('node:fs');
const esbuild = require('esbuild');

const programs = [
  'apps/server/main.ts',
  'apps/server/healthcheck.ts',
  'apps/server/new_draw.ts',
  'apps/client/main.ts',
  'apps/echo/server.ts',
  'apps/echo/client.ts',
];
// Loaded only where they are asked for, so they are no part of the program's own bundle.
const onDemand = ['apps/server/status/status_site.ts', 'apps/client/progress_bar.ts'];
const tools = ['tools/run_lottery.ts', 'tools/generate_data.ts'];
const bench = [
  'bench/status_overhead.ts',
  'bench/system/main.ts',
  'bench/system/empty.ts',
  'bench/system/bare_server.ts',
  'bench/system/collect_garbage.ts',
  'bench/system/baseline/server.ts',
  'bench/system/baseline/client.ts',
];

esbuild.buildSync({
  entryPoints: [...programs, ...onDemand, ...tools, ...bench].filter((file) => existsSync(file)),
  outdir: 'dist',
  outbase: '.',
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  minifySyntax: true,
  // Less to read at every start; coverage needs the lines as they were written.
  lineLimit: 160,
  minifyWhitespace: process.env['BUILD_READABLE'] === undefined,
  // The programs are also `bin` entries of the package.
  banner: { js: '#!/usr/bin/env node' },
  sourcemap: 'linked',
  external: ['@faker-js/faker', './status/status_site', './progress_bar'],
  logLevel: 'warning',
});

// The status page is served as it was written.
cpSync('apps/server/status/page', 'dist/apps/server/status/page', { recursive: true });
