'use strict';

/** What every process with tests loads first: TypeScript as it stands (esbuild, cached on disk), and decorators. */
require('tsx/cjs');
require('reflect-metadata');

// The pool of workers ends a worker by SIGTERM that takes more than a second to end; coverage may take longer to write.
if (process.env['NODE_V8_COVERAGE'] !== undefined) process.once('exit', () => process.on('SIGTERM', () => {}));
