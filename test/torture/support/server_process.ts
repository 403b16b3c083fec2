import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const DIST = process.env['LOTTERY_DIST'] ?? join(__dirname, '../../../dist');

export const SERVER_PROGRAM = join(DIST, 'apps/server/main.js');

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A server in a child process. */
export class ServerProcess {
  private static readonly running = new Set<ServerProcess>();
  readonly lines: string[] = [];
  stderr = '';
  /** Resolves after the end of the process and of its output. */
  readonly ended: Promise<ProcessEnd>;
  /** Resolves with the port once the server listens, and rejects if it ends before. */
  readonly listening: Promise<number>;
  readonly child: ChildProcess;

  constructor(
    environment: Readonly<Record<string, string>>,
    { program = SERVER_PROGRAM, wrapper = [] as readonly string[], cwd = undefined as string | undefined } = {},
  ) {
    const command = [...wrapper, process.execPath, program];
    const { PATH, NODE_V8_COVERAGE } = process.env;
    this.child = spawn(command[0]!, command.slice(1), {
      cwd,
      env: {
        PATH,
        NODE_V8_COVERAGE,
        CONFIG_FILE: '/dev/null',
        SERVER_IP: '127.0.0.1',
        SERVER_PORT: '0',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stderr!.on('data', (text: Buffer) => (this.stderr += text.toString()));
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => resolve({ code, signal }));
    });
    this.listening = new Promise((resolve, reject) => {
      createInterface(this.child.stdout!).on('line', (line) => {
        this.lines.push(line);
        const port = /action: listen \| result: success \| address: .*:(\d+) /.exec(line)?.[1];
        if (port !== undefined) resolve(Number(port));
      });
      void this.ended.then(({ code, signal }) => {
        reject(new Error(`the server ended (${signal ?? code}) before it listened:\n${this.output}`));
      });
    });
    this.listening.catch(() => {});
    ServerProcess.running.add(this);
    void this.ended.then(() => ServerProcess.running.delete(this));
  }

  /** The complete output. */
  get output(): string {
    return [...this.lines, this.stderr].join('\n');
  }

  async stop(signal: NodeJS.Signals): Promise<ProcessEnd> {
    this.child.kill(signal);
    return this.ended;
  }

  /** Kills all running servers of a test. */
  static async killAll(): Promise<void> {
    await Promise.all(Array.from(ServerProcess.running, (server) => server.stop('SIGKILL')));
  }
}

/** Connects to a port of the loopback interface. */
export async function dialPort(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true, noDelay: true });
  await once(socket, 'connect');
  return socket;
}
