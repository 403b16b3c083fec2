import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { SettingsError } from '../../../../../../apps/runtime/settings';
import { TokenFile } from '../../../../../../apps/server/status/access/token_file';
import { eventually } from '../../../../../support/eventually';
import { createMemoryLog } from '../../../../../support/memory_lottery';

const TOKEN = 'correct-horse-battery.staple_~+/=';
const OTHER = 'another-token-of-this-server';

describe('the token file of the status server', () => {
  let directory: string;
  let path: string;
  let lines: string[];
  const opened: TokenFile[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'token-'));
    path = join(directory, 'token');
  });

  afterEach(() => {
    for (const file of opened.splice(0)) file.stop();
    rmSync(directory, { recursive: true });
  });

  function open(content: string | Buffer): TokenFile {
    writeFileSync(path, content);
    const memory = createMemoryLog();
    lines = memory.lines;
    const file = new TokenFile(path, memory.log);
    opened.push(file);
    return file;
  }

  /** The lines of the log, without their time. */
  const logged = (): string[] => lines.map((line) => line.slice('YYYY-MM-DD HH:MM:SS '.length));

  for (const end of ['', '\n', '\r\n']) {
    it(`has the token, with ${JSON.stringify(end)} at its end`, () => {
      const file = open(TOKEN + end);
      expect([TOKEN, `${TOKEN}\n`, TOKEN.slice(1), '', OTHER].map((text) => file.matches(text))).to.deep.equal([
        true,
        false,
        false,
        false,
        false,
      ]);
    });
  }

  for (const length of [16, 512]) {
    it(`may have ${length} characters`, () => {
      expect(open('x'.repeat(length)).matches('x'.repeat(length))).to.equal(true);
    });
  }

  const characters = 'has a token with other characters than letters, digits and -._~+/=';
  const unusable: Record<string, [string | Buffer, string]> = {
    'an empty file': ['', 'is empty'],
    'a file with an empty line': ['\n', 'is empty'],
    'a short token': ['x'.repeat(15), 'has a token with fewer than 16 characters'],
    'a long token': ['x'.repeat(513), 'has a token with more than 512 characters'],
    'a large file': ['x'.repeat(10_000_000), 'has a token with more than 512 characters'],
    'a token with a blank': ['correct horse battery', characters],
    'two lines': [`${TOKEN}\n\n`, characters],
    'a token outside of ASCII': [Buffer.from('contraseña-larga-y-secreta'), characters],
    'an equals sign in the middle': ['correct=horse-battery', characters],
  };
  for (const [kind, [content, fault]] of Object.entries(unusable)) {
    it(`is refused, without its content: ${kind}`, () => {
      let error: Error | undefined;
      try {
        open(content);
      } catch (thrown) {
        error = thrown as Error;
      }
      expect(error).to.be.instanceOf(SettingsError);
      expect(error!.message).to.equal(`SERVER_STATUS_TOKEN_FILE ${path} ${fault}`);
    });
  }

  it('is refused if it is missing, a directory, a device or a pipe', () => {
    const { log } = createMemoryLog();
    expect(() => new TokenFile(join(directory, 'gone'), log)).to.throw(SettingsError, /cannot be read: ENOENT/);
    execFileSync('mkfifo', [path]);
    for (const special of [directory, '/dev/zero', path]) {
      expect(() => new TokenFile(special, log)).to.throw(SettingsError, /cannot be read: it is no regular file$/);
    }
  });

  it('is read again after a change, and keeps the old token after a fault', async () => {
    const file = open(TOKEN);
    file.start();
    expect(file.version).to.equal(0);
    writeFileSync(path, `${OTHER}\n`);
    await eventually('the new token is in use', async () => file.matches(OTHER), 10_000);
    expect([file.matches(TOKEN), file.version]).to.deep.equal([false, 1]);

    writeFileSync(path, 'short');
    await eventually('the fault is in the log', async () => lines.length === 2, 10_000);
    expect([file.matches(OTHER), file.matches('short'), file.version]).to.deep.equal([true, false, 1]);
    expect(logged()).to.deep.equal([
      'INFO     action: status_token | result: success',
      `ERROR    action: status_token | result: fail | error: SERVER_STATUS_TOKEN_FILE ${path} has a token with fewer than 16 characters`,
    ]);
  }).timeout(30_000);

  it('is read again at SIGHUP, and the same token is no other one', async () => {
    const file = open(TOKEN);
    file.start();
    process.kill(process.pid, 'SIGHUP');
    await eventually('the file is read', async () => lines.length === 1, 5_000);
    expect([file.matches(TOKEN), file.version]).to.deep.equal([true, 0]);
    file.stop();
    expect(process.listenerCount('SIGHUP')).to.equal(0);
  });
});
