'use strict';

/**
 * Bundles each program into one file of dist/, so that it starts without looking for hundreds of modules and a container
 * needs no node_modules. Types are checked elsewhere (`npm run typecheck`).
 */
const esbuild = require('esbuild');

const programs = ['apps/server/main.ts', 'apps/client/main.ts', 'apps/echo/server.ts', 'apps/echo/client.ts'];
const tools = ['tools/run_lottery.ts', 'tools/generate_data.ts'];

esbuild.buildSync({
  entryPoints: [...programs, ...tools].filter((file) => require('node:fs').existsSync(file)),
  outdir: 'dist',
  outbase: '.',
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  minifySyntax: true,
  sourcemap: 'linked',
  external: ['@faker-js/faker'],
  logLevel: 'warning',
});
