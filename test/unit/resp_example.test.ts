import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { ConnectSocket } from '../../lib/index';
import { bundledProgram } from '../support/bundled_program';

const run = promisify(execFile);
const SERVER = join(__dirname, '../../examples/resp_server.ts');
/** Whether the clients of Redis are installed (Debian: redis-tools). */
const hasRedisTools = ['redis-cli', 'redis-benchmark'].every(
  (program) => spawnSync(program, ['--version']).status === 0,
);

describe('the RESP server of the examples', () => {
  let server: ChildProcess;
  let port: string;

  before(async () => {
    server = spawn(process.execPath, [bundledProgram(SERVER)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(createInterface(server.stdout!), 'line')) as [string];
    port = /:(\d+)$/.exec(line)![1]!;
  });
  after(() => server.kill());

  /** Sends text, ends, and gives everything that the server has answered. */
  async function answerTo(...pieces: (string | Buffer)[]): Promise<string> {
    await using socket = new ConnectSocket({ host: '127.0.0.1', port: Number(port) });
    await socket.connect({ timeoutMs: 5000 });
    for (const piece of pieces) await socket.sendAll(Buffer.from(piece as string, 'latin1'));
    await socket.shutdownWrite();
    let answer = '';
    for (;;) {
      const bytes = await socket.recvSome(65_536, { timeoutMs: 5000 });
      if (bytes === null) return answer;
      answer += bytes.toString('latin1');
    }
  }

  it('answers commands in one chunk, in single bytes, and as lines of words', async () => {
    const commands =
      '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\xff\r\n!\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n\r\n  get  none \r\nPING\n';
    const replies = '+OK\r\n$4\r\n\xff\r\n!\r\n$-1\r\n+PONG\r\n';
    expect(await answerTo(commands)).to.equal(replies);
    expect(await answerTo(...commands)).to.equal(replies);
  });

  it('answers the commands before one that is none, and then closes', async () => {
    for (const wrong of ['*x\r\n', '*1\r\n:3\r\n', '*1\r\n$-1\r\n', '*1\r\n$99999999\r\n', '*1\r\n$9000000\r\n']) {
      const answer = await answerTo(`PING\r\n${wrong}PING\r\n`);
      expect(answer, wrong).to.match(/^\+PONG\r\n-ERR Protocol error: [^\r\n]+\r\n$/);
    }
  });

  it('answers mistakes, and goes on', async () => {
    const answer = await answerTo('NO\x01PE\r\nGET\r\nSET a b c\r\nSET a word\r\nINCR a\r\nDEL a a b\r\n');
    expect(answer.split('\r\n')).to.deep.equal([
      "-ERR unknown command 'NO?PE'",
      "-ERR wrong number of arguments for 'get' command",
      "-ERR wrong number of arguments for 'set' command",
      '+OK',
      '-ERR value is not an integer or out of range',
      ':1',
      '',
    ]);
  });

  it('talks to redis-cli', async function () {
    if (!hasRedisTools) this.skip();
    const cli = async (...args: string[]): Promise<string> =>
      (await run('redis-cli', ['--no-raw', '-p', port, ...args])).stdout.trim();
    expect(await cli('PING')).to.equal('PONG');
    expect(await cli('ECHO', 'two words')).to.equal('"two words"');
    expect(await cli('SET', 'cli', '41')).to.equal('OK');
    expect(await cli('INCR', 'cli')).to.equal('(integer) 42');
    expect(await cli('MGET', 'cli', 'none')).to.equal('1) "42"\n2) (nil)');
    expect(await cli('DEL', 'cli', 'none')).to.equal('(integer) 1');
    expect(await cli('NOPE')).to.equal("(error) ERR unknown command 'NOPE'");
  });

  it('talks to redis-benchmark, with 16 commands in flight on each connection', async function () {
    if (!hasRedisTools) this.skip();
    const tests = 'ping_inline,ping_mbulk,set,get,incr';
    const args = ['-p', port, '-t', tests, '-n', '2000', '-P', '16', '-c', '10', '--csv'];
    const { stdout, stderr } = await run('redis-benchmark', args);
    const names = stdout
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',')[0]);
    expect(names).to.deep.equal(['"PING_INLINE"', '"PING_MBULK"', '"SET"', '"GET"', '"INCR"']);
    expect(stderr).to.equal('');
    expect(await answerTo('GET counter:__rand_int__\r\n')).to.equal('$4\r\n2000\r\n');
  });
});
