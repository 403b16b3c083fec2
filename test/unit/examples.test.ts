import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);
const EXAMPLES = join(__dirname, '../../examples');
const TYPESCRIPT = ['-r', 'tsx/cjs'];

describe('the examples', () => {
  let server: ChildProcess | undefined;

  afterEach(() => server?.kill());

  /** Starts a server. Returns its printed port. */
  async function start(program: string): Promise<string> {
    server = spawn(process.execPath, [...TYPESCRIPT, join(EXAMPLES, program)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(server.stdout!), 'line')) as [string];
    return /:(\d+)$/.exec(line)![1]!;
  }

  async function outputOf(program: string, ...args: string[]): Promise<string> {
    return (await run(process.execPath, [...TYPESCRIPT, join(EXAMPLES, program), ...args])).stdout;
  }

  it('echo: every line is echoed, and SIGTERM stops the server with exit code 0', async () => {
    const port = await start('echo_server.ts');
    expect(await outputOf('echo_client.ts', port, 'hello', 'ñandú')).to.equal('hello\nñandú\n');
    const exited = once(server!, 'exit');
    server!.kill('SIGTERM');
    expect(await exited).to.deep.equal([0, null]);
  });

  it('rpc: calls overtake each other, and the failure of one does not affect the others', async () => {
    const port = await start('rpc_server.ts');
    const lines = (await outputOf('rpc_client.ts', port)).trim().split('\n');
    expect(lines).to.have.members(['3 + 4 = 7', 'no method divide', '1 + 2 = 3, slowly']);
    expect(lines.at(-1)).to.equal('1 + 2 = 3, slowly');
  });
});
