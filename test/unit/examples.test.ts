import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { ConnectionLostError, ConnectSocket } from '../../lib/index';
import { bundledProgram } from '../support/bundled_program';
import { patternedBytes } from '../support/bytes';

const run = promisify(execFile);
const EXAMPLES = join(__dirname, '../../examples');

describe('the examples', () => {
  let server: ChildProcess | undefined;
  let output: Interface;

  afterEach(() => server?.kill());

  /** Starts a server. Returns its printed port. */
  async function start(program: string, ...args: string[]): Promise<string> {
    server = spawn(process.execPath, [bundledProgram(join(EXAMPLES, program)), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    output = createInterface(server.stdout!);
    const [line] = (await once(output, 'line')) as [string];
    return /:(\d+)$/.exec(line)![1]!;
  }

  async function outputOf(program: string, ...args: string[]): Promise<string> {
    return (await run(process.execPath, [bundledProgram(join(EXAMPLES, program)), ...args])).stdout;
  }

  it('echo: every line is echoed, and SIGTERM stops the server with exit code 0', async () => {
    const port = await start('echo_server.ts');
    expect(await outputOf('echo_client.ts', port, 'hello', 'ñandú')).to.equal('hello\nñandú\n');
    const exited = once(server!, 'exit');
    server!.kill('SIGTERM');
    expect(await exited).to.deep.equal([0, null]);
  });

  for (const [program, request] of [
    ['echo_server.ts', 'hello\n'],
    ['rpc_server.ts', 'C\0\0\0\x2a{"id":1,"method":"addSlowly","args":[1,2]}'],
    ['resp_server.ts', 'PING\r\n'],
    ['chat_server.ts', 'ann\n'],
  ] as const) {
    it(`${program} stops within 2 s of SIGTERM though a client is idle, and the client gets an end`, async () => {
      const port = Number(await start(program));
      await using idle = new ConnectSocket({ host: '127.0.0.1', port });
      await idle.connect({ timeoutMs: 5000 });
      await idle.sendAll(Buffer.from(request));
      await idle.recvSome(65_536, { timeoutMs: 5000 });
      const printed: string[] = [];
      output.on('line', (line) => printed.push(line));
      const ended = Promise.all([once(server!, 'exit'), once(output, 'close')]);
      const stopAt = performance.now();
      server!.kill('SIGTERM');
      expect(await idle.recvSome(65_536, { timeoutMs: 5000 })).to.equal(null);
      expect((await ended)[0]).to.deep.equal([0, null]);
      expect(performance.now() - stopAt).to.be.lessThan(2000);
      expect(printed).to.deep.equal(['stopped']);
    });
  }

  it('rpc: calls overtake each other, and the failure of one does not affect the others', async () => {
    const port = await start('rpc_server.ts');
    const lines = (await outputOf('rpc_client.ts', port)).trim().split('\n');
    expect(lines).to.have.members(['3 + 4 = 7', 'no method divide', '1 + 2 = 3, slowly']);
    expect(lines.at(-1)).to.equal('1 + 2 = 3, slowly');
  });

  const hasCurl = spawnSync('curl', ['--version']).status === 0;

  describe(`proxy${hasCurl ? '' : ' (skipped: no curl)'}`, () => {
    const target = createServer();

    before(function () {
      if (!hasCurl) this.skip();
    });

    afterEach(() => target.close());

    /** Starts the proxy in front of an HTTP server. Returns its port. */
    async function startProxy(onRequest: RequestListener): Promise<string> {
      target.removeAllListeners('request').on('request', onRequest).listen(0, '127.0.0.1');
      await once(target, 'listening');
      return start('proxy.ts', String((target.address() as AddressInfo).port));
    }

    it('curl uploads and downloads through it', async () => {
      const sent = patternedBytes(5_000_000);
      const port = await startProxy((request, response) => void request.pipe(response));
      const counted = printedLine(/^done: \d{7} bytes to the target, \d{7} bytes to the client$/);
      const curl = spawn('curl', ['-sS', '-H', 'Expect:', '--data-binary', '@-', `http://127.0.0.1:${port}/`], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      curl.stdin.end(sent);
      const received: Buffer[] = [];
      for await (const chunk of curl.stdout) received.push(chunk as Buffer);
      expect(Buffer.concat(received).equals(sent)).to.equal(true);
      await counted;
    });

    it('a target that refuses is one line of its log, and it goes on', async () => {
      const port = await startProxy((_request, response) => response.end('hello'));
      const { port: targetPort } = target.address() as AddressInfo;
      target.close();
      const refused = printedLine(/^CONNECT_FAILED: connect to 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
      await run('curl', ['-sS', `http://127.0.0.1:${port}/`]).catch((error: { code: number }) => {
        // An empty response, or a reset: the proxy closes the connection with or without the request in its buffer.
        expect(error.code).to.be.oneOf([52, 56]);
      });
      await refused;
      target.listen(targetPort, '127.0.0.1');
      await once(target, 'listening');
      expect((await run('curl', ['-sS', `http://127.0.0.1:${port}/`])).stdout).to.equal('hello');
    });

    it('SIGTERM resets an idle connection after a second, and the proxy ends', async () => {
      const port = Number(await startProxy((_request, response) => response.end('hello')));
      await using idle = new ConnectSocket({ host: '127.0.0.1', port });
      await idle.connect({ timeoutMs: 5000 });
      await idle.sendAll(Buffer.from('GET / HTTP/1.1\r\nHost: target\r\n\r\n'));
      expect(String(await idle.recvUntil('hello', { timeoutMs: 5000 }))).to.match(/^HTTP\/1\.1 200 OK/);
      const exited = once(server!, 'exit');
      server!.kill('SIGTERM');
      const loss = await idle.recvSome(1, { timeoutMs: 5000 }).catch((error: unknown) => error);
      expect(loss).to.be.instanceOf(ConnectionLostError);
      expect(await exited).to.deep.equal([0, null]);
    });

    /** Waits for a line of the server's output. */
    function printedLine(pattern: RegExp): Promise<void> {
      return new Promise((resolve) => output.on('line', (line) => pattern.test(line) && resolve()));
    }
  });
});
