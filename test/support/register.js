'use strict';

/** What every process with tests loads first: TypeScript as it stands (esbuild, cached on disk), and decorators. */
require('tsx/cjs');
require('reflect-metadata');
