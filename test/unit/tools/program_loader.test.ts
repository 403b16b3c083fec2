import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Script } from 'node:vm';
import { expect } from 'chai';

const run = promisify(execFile);

/** Prints the variables of a CommonJS module. */
const BUNDLE = `(function (exports, require, module, __filename, __dirname) {
  console.log(require('node:path').relative(__dirname, __filename), process.argv[2], typeof exports, typeof module);
})`;

describe('the loader of the programs', () => {
  let directory: string;
  let program: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'loader-'));
    program = join(directory, 'main.js');
    await copyFile(resolve(__dirname, '../../../tools/program_loader.js'), program);
    await writeFile(join(directory, 'main.bundle.js'), BUNDLE);
  });

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  async function requireTheSame(): Promise<void> {
    const { stdout, stderr } = await run(process.execPath, [program, 'argument'], { cwd: tmpdir() });
    expect(stdout).to.equal('main.js argument object object\n');
    expect(stderr).to.equal('');
  }

  it('runs a program without a cache', async () => {
    await requireTheSame();
  });

  it('runs a program from its cache', async () => {
    await writeFile(join(directory, 'main.cache'), new Script(BUNDLE).createCachedData());
    await requireTheSame();
  });

  it('ignores an empty or damaged cache, and the cache of another text', async () => {
    const cache = new Script(BUNDLE).createCachedData();
    const ofAnotherText = new Script(`${BUNDLE} `).createCachedData();
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(1000, 7), cache.subarray(0, 50), ofAnotherText]) {
      await writeFile(join(directory, 'main.cache'), bytes);
      await requireTheSame();
    }
  });
});
