import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { bundledProgram } from './bundled_program';

const EXAMPLES = join(__dirname, '../../examples');

/** A server of `examples/` in a process of its own. Its errors go to those of the tests. */
export class ExampleServer {
  private readonly lines: AsyncIterator<string>;

  private constructor(
    private readonly program: ChildProcess,
    output: Interface,
  ) {
    this.lines = output[Symbol.asyncIterator]();
  }

  /** The port that it has printed. */
  port = 0;

  /** Starts it. Resolves when it listens. */
  static async start(file: string, ...args: string[]): Promise<ExampleServer> {
    const program = spawn(process.execPath, [bundledProgram(join(EXAMPLES, file)), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const server = new ExampleServer(program, createInterface(program.stdout));
    const line = await server.nextLine();
    server.port = Number(/^listening on .*:(\d+)$/.exec(line)![1]);
    return server;
  }

  /** The next line of its output. */
  async nextLine(): Promise<string> {
    const line = await this.lines.next();
    if (line.done === true) throw new Error('the server has ended');
    return line.value;
  }

  /** Stops it. Resolves with its exit code, and the lines of its output that nobody has taken. */
  async stop(): Promise<{ readonly code: number | null; readonly lines: string[] }> {
    const exited = once(this.program, 'exit');
    this.program.kill('SIGTERM');
    const lines: string[] = [];
    for await (const line of { [Symbol.asyncIterator]: () => this.lines }) lines.push(line);
    const [code] = (await exited) as [number | null];
    return { code, lines };
  }
}
