'use strict';

/** Preloaded in every process with tests: the translation of TypeScript (esbuild, cached on disk), and decorators. */
require('tsx/cjs');
require('reflect-metadata');

// The pool sends SIGTERM to a worker that needs more than a second to end. The write of the coverage may take longer.
if (process.env['NODE_V8_COVERAGE'] !== undefined) process.once('exit', () => process.on('SIGTERM', () => {}));
