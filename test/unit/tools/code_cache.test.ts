import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);
const TOOLS = resolve(__dirname, '../../../tools');

// eslint-disable-next-line @typescript-eslint/no-require-imports
const { makeCodeCaches } = require(join(TOOLS, 'code_cache.js')) as {
  makeCodeCaches: (server: string, client: string) => Promise<void>;
};

/** A substitute for the server: it logs that it listens, and waits for its stop. */
const SERVER = `
  const alive = setInterval(() => {}, 1000);
  process.on('SIGTERM', () => clearInterval(alive));
  console.log('action: listen | result: success | address: 127.0.0.1:1 |');`;

describe('the code caches of the programs', function () {
  this.timeout(30_000);
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'code-cache-test-'));
  });

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  /** Writes a program as the build does, and returns its path without an extension. */
  async function writeProgram(name: string, body: string): Promise<string> {
    const program = join(directory, name);
    await copyFile(join(TOOLS, 'program_loader.js'), `${program}.js`);
    await writeFile(`${program}.bundle.js`, `(function (exports, require, module, __filename, __dirname) {${body}})`);
    return program;
  }

  it('are made anew for a bundle of the same length, for which V8 would accept the old cache', async () => {
    for (const word of ['one', 'two']) {
      const server = await writeProgram('server', SERVER);
      const client = await writeProgram('client', `console.log('${word}');`);
      await makeCodeCaches(server, client);
      expect((await run(process.execPath, [`${client}.js`])).stdout).to.equal(`${word}\n`);
    }
  });
});
