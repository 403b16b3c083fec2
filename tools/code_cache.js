'use strict';

/**
 * Makes the code caches of the server's and the client's bundles. It runs a lottery of one bet, so that V8 compiles the
 * code of a start and a session, and saves that code. As a program, `node tools/code_cache.js PROGRAM` runs one program
 * and writes its cache at its exit.
 */
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const v8 = require('node:v8');

const TIME_LIMIT_MS = 30_000;

async function makeCodeCaches(server, client) {
  // V8 accepts a cache for any text of the same length, so an old cache would run old code and be saved again.
  for (const program of [server, client]) rmSync(`${program}.cache`, { force: true });
  const directory = mkdtempSync(join(tmpdir(), 'code-cache-'));
  try {
    await runLottery(server, client, directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function runLottery(server, client, directory) {
  const file = join(directory, 'agency-1.csv');
  writeFileSync(file, 'Ana,Paz,30904465,1999-03-17,7574\n');
  const serving = start(server, {
    SERVER_IP: '127.0.0.1',
    SERVER_PORT: '0',
    SERVER_AGENCIES: '1',
    SERVER_DATA_DIR: join(directory, 'data'),
  });
  const address = await addressOf(serving);
  await requireSuccess(start(client, { CLI_SERVER_ADDRESS: address, CLI_DATA_FILE: file }));
  serving.kill('SIGTERM');
  await requireSuccess(serving);
}

/** The environment of the build must not influence the program. */
function start(program, settings) {
  const { PATH } = process.env;
  return spawn(process.execPath, [__filename, program], {
    env: { PATH, CONFIG_FILE: '/dev/null', ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: TIME_LIMIT_MS,
  });
}

/** The server's address, from its log. */
async function addressOf(server) {
  let log = '';
  for await (const text of server.stdout.iterator({ destroyOnReturn: false })) {
    log += text;
    const address = /action: listen \| result: success \| address: (\S+)/.exec(log)?.[1];
    if (address !== undefined) return address;
  }
  throw new Error(`the server did not listen:\n${log}`);
}

async function requireSuccess(program) {
  program.stdout.resume();
  const [code, signal] = program.exitCode === null ? await once(program, 'exit') : [program.exitCode, null];
  if (code !== 0) throw new Error(`${program.spawnargs.join(' ')} ended with ${code ?? signal}`);
}

function runAndKeep(program) {
  // V8 rejects a cache made under other flags than its own; a start has the default flags.
  v8.setFlagsFromString = () => {};
  process.argv.splice(1, 2, `${program}.js`);
  process.on('exit', () => {
    const { script } = require(`${program}.js`);
    writeFileSync(`${program}.cache`, script.createCachedData());
  });
  require(`${program}.js`);
}

module.exports = { makeCodeCaches };

if (require.main === module) runAndKeep(process.argv[2]);
