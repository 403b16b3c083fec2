#!/usr/bin/env node
'use strict';

/**
 * Runs the program beside this file, `NAME.bundle.js`, with the code cache of the build, `NAME.cache`: compilation is
 * the largest part of a small program's start. A missing cache, or one of another version of Node, is ignored, and the
 * text is compiled. Node 22's `module.enableCompileCache` has the same effect from the second start on; this loader
 * also works on Node 20, and from the first start on (docs/decisions/0008).
 */
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');

const program = __filename.slice(0, -'.js'.length);
const filename = `${program}.bundle.js`;

function readCache() {
  try {
    return readFileSync(`${program}.cache`);
  } catch {
    return undefined;
  }
}

const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData: readCache() });
script.runInThisContext()(exports, require, module, __filename, __dirname);
module.exports.script = script;
