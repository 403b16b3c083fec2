'use strict';

/**
 * Runs the tests in two passes of Mocha: first most files, several at a time in worker processes; then the files that
 * measure time or memory, one after the other. The last line counts the tests of both passes.
 *
 *     node test/run.js [--reporter NAME] [FILE or DIRECTORY ...]         all of test/ without an argument
 *
 * TEST_JOBS: number of worker processes, 1 for none. Exit codes: 1 if a test failed or there is none, 2 for a wrong argument.
 */
const { existsSync, readdirSync, statSync } = require('node:fs');
const { availableParallelism } = require('node:os');
const { relative, resolve } = require('node:path');
const { setTimeout } = require('node:timers');
const { parseArgs } = require('node:util');
const { Mocha } = require('mocha');
const config = require('../.mocharc.json');
const { summaryLine } = require('./support/summary_reporter');

/** Files with limits of time that other work would break. */
const ALONE = [
  'container/lottery', // `docker compose stop` kills a container after 3 s
  'container/servers',
  'container/tls',
  'system/unread_output', // stops in 2 s beside busy cores
  'torture/crowd_stop', // a stop in 2 s takes half of it without other work
];

/** More workers than cores, because most files mainly wait for other processes. */
const JOBS_PER_CORE = 2.5;

/** The time that the process gives its leftovers after the last test. */
const LEFTOVERS_MS = 10_000;

/** Loaded before the tests, in each process. */
const REQUIRED = config.require.map((module) => resolve(__dirname, '..', module));

const ENDING = '.test.ts';

/** The path below test/, without the ending. */
function nameOf(file) {
  return relative(__dirname, file).slice(0, -ENDING.length);
}

function testFilesIn(path) {
  if (!statSync(path).isDirectory()) return [resolve(path)];
  const names = readdirSync(path, { recursive: true }).filter((name) => name.endsWith(ENDING));
  return names.sort().map((name) => resolve(path, name));
}

/**
 * The order of the files: those of a folder are spread evenly over the pass, so computing files run beside waiting ones
 * all the time. The unit tests are short and come last, so no worker ends with a long file.
 */
function spread(files) {
  const folderOf = (file) => nameOf(file).split('/')[0];
  const sizes = new Map();
  for (const file of files) sizes.set(folderOf(file), (sizes.get(folderOf(file)) ?? 0) + 1);
  const counts = new Map();
  const placeOf = (file) => {
    const folder = folderOf(file);
    const count = counts.get(folder) ?? 0;
    counts.set(folder, count + 1);
    return folder === 'unit' ? 1 : (count + 0.5) / sizes.get(folder);
  };
  const places = files.map((file) => ({ file, place: placeOf(file) }));
  return places.sort((a, b) => a.place - b.place).map(({ file }) => file);
}

/** Runs one pass. Returns Mocha's counts. */
async function runPass(files, options) {
  const mocha = new Mocha({ ...config, require: REQUIRED, ...options });
  mocha.files = files;
  if (!options.parallel) await mocha.loadFilesAsync();
  return new Promise((done) => {
    const runner = mocha.run(() => done(runner.stats));
  });
}

/** @returns the given files and those of the given folders, or a line with the fault. */
function filesOf(paths) {
  const all = testFilesIn(__dirname);
  const stale = ALONE.filter((name) => !all.some((file) => nameOf(file) === name));
  if (stale.length > 0) return `ALONE names files that do not exist: ${stale.join(', ')}`;
  const missing = paths.filter((path) => !existsSync(path));
  if (missing.length > 0) return `no such file or folder: ${missing.join(', ')}`;
  return paths.length === 0 ? all : paths.flatMap(testFilesIn);
}

async function main() {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { reporter: { type: 'string' } } });
  const files = filesOf(positionals);
  if (typeof files === 'string') {
    process.stderr.write(`test/run.js: ${files}\n`);
    process.exitCode = 2;
    return;
  }
  const isAlone = (file) => ALONE.includes(nameOf(file));
  const reporter = values.reporter ?? 'spec';
  const jobs = Number(process.env['TEST_JOBS'] ?? Math.ceil(availableParallelism() * JOBS_PER_CORE));

  // For the files that this process runs itself.
  for (const module of REQUIRED) require(module);
  const passes = [];
  const together = files.filter((file) => !isAlone(file));
  if (together.length > 0) passes.push(await runPass(spread(together), { reporter, parallel: jobs > 1, jobs }));
  const alone = files.filter(isAlone);
  if (alone.length > 0) passes.push(await runPass(alone, { reporter }));

  const sum = (count) => passes.reduce((total, stats) => total + stats[count], 0);
  const totals = { passes: sum('passes'), failures: sum('failures'), pending: sum('pending') };
  process.stdout.write(`${summaryLine(totals)}\n`);
  if (totals.failures > 0 || totals.passes === 0) process.exitCode = 1;
  setTimeout(endLeftovers, LEFTOVERS_MS).unref();
}

/** A test without an end must not keep the caller waiting: its own loops, timers and servers are still there. */
function endLeftovers() {
  process.stderr.write(`test/run.js: a test has left behind: ${process.getActiveResourcesInfo().join(', ')}\n`);
  process.exit(1);
}

void main();
