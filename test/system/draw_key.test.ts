import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { App, DIST } from '../support/app';
import { type CommandResult, runCommand } from '../support/command';
import { LotterySandbox } from '../support/lottery_sandbox';

describe('the key of the draw', function () {
  this.timeout(60_000);
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'keys-'));
  });

  afterEach(async () => {
    await App.endAll();
    await rm(directory, { recursive: true, force: true });
  });

  const make = (umask = '0000'): Promise<CommandResult> =>
    runCommand(
      'bash',
      ['-c', `umask ${umask}; "$0" "$1" --directory keys`, process.execPath, join(DIST, 'tools/draw_key.js')],
      {
        cwd: directory,
      },
    );
  const modeOf = async (name: string): Promise<number> => (await stat(join(directory, name))).mode & 0o777;

  it('is made with a private part for its owner only, and never overwritten', async () => {
    const { code, stdout, stderr } = await make();
    expect([code, stderr]).to.deep.equal([0, '']);
    expect(stdout.split('\n')).to.have.length(3);
    expect(await Promise.all(['keys', 'keys/draw.key', 'keys/draw.pub'].map(modeOf))).to.deep.equal([
      0o700, 0o600, 0o644,
    ]);
    const contents = () =>
      Promise.all(['draw.key', 'draw.pub'].map((name) => readFile(join(directory, 'keys', name), 'utf8')));
    const before = await contents();
    expect(before[0]).to.match(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(before[1]).to.match(/^-----BEGIN PUBLIC KEY-----\n/);
    const again = await make();
    expect([again.code, again.stdout, again.stderr]).to.deep.equal([
      1,
      '',
      'draw-key: keys/draw.key exists: a key is not overwritten\n',
    ]);
    await rm(join(directory, 'keys/draw.key'));
    expect((await make()).stderr).to.equal('draw-key: keys/draw.pub exists: a key is not overwritten\n');
    expect(await readdir(join(directory, 'keys'))).to.deep.equal(['draw.pub']);
  });

  it('is required by a server that names one: unusable keys are one line and exit code 2', async () => {
    const sandbox = await LotterySandbox.create();
    try {
      await make();
      const text = join(directory, 'text');
      await writeFile(text, 'no key');
      await runCommand('openssl', ['genpkey', '-algorithm', 'RSA', '-out', join(directory, 'rsa')]);
      for (const [path, fault] of [
        [join(directory, 'missing'), 'cannot be read: ENOENT'],
        [text, 'it holds no private Ed25519 key in PEM'],
        [join(directory, 'keys/draw.pub'), 'it holds no private Ed25519 key in PEM'],
        [join(directory, 'rsa'), 'it holds a key of another kind than Ed25519'],
      ] as const) {
        const server = sandbox.launchServer({ SERVER_DRAW_KEY_FILE: path });
        expect((await server.end()).code, server.stdout).to.equal(2);
        expect(server.stderr).to.match(/^lottery-server: SERVER_DRAW_KEY_FILE [^\n]*\n$/);
        expect(server.stderr).to.include(fault);
      }
      const { app } = await sandbox.startServer({ SERVER_DRAW_KEY_FILE: join(directory, 'keys/draw.key') });
      expect((await app.stop('SIGTERM')).code).to.equal(0);
      expect(app.stdout).to.not.include('PRIVATE KEY');
    } finally {
      await sandbox.dispose();
    }
  });
});
