import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Readable } from 'node:stream';
import { findPython } from './python';

const DIST = join(__dirname, '..', '..');

/** The paths of the measured programs, after the build. */
export const PROGRAMS = {
  server: join(DIST, 'apps', 'server', 'main.js'),
  client: join(DIST, 'apps', 'client', 'main.js'),
  migrate: join(DIST, 'apps', 'server', 'migrate.js'),
  baselineServer: join(DIST, 'bench', 'system', 'baseline', 'server.js'),
  baselineClient: join(DIST, 'bench', 'system', 'baseline', 'client.js'),
  leanServer: join(DIST, 'bench', 'system', 'baseline', 'python', 'lean_server.py'),
  leanClient: join(DIST, 'bench', 'system', 'baseline', 'python', 'lean_client.py'),
  pythonServer: join(DIST, 'bench', 'system', 'baseline', 'python', 'server.py'),
  pythonClient: join(DIST, 'bench', 'system', 'baseline', 'python', 'client.py'),
  empty: join(DIST, 'bench', 'system', 'empty.js'),
  bareServer: join(DIST, 'bench', 'system', 'bare_server.js'),
  bareTlsServer: join(DIST, 'bench', 'system', 'bare_tls_server.js'),
  localAddress: join(DIST, 'bench', 'system', 'local_address.js'),
  hostile: join(DIST, 'test', 'torture', 'support', 'hostile_program.js'),
  collectGarbage: join(DIST, 'bench', 'system', 'collect_garbage.js'),
} as const;

/** A program to start. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** A file for its standard output. Without it, `Program` collects the lines. */
  readonly log?: string;
}

/** The command that runs a script of `PROGRAMS`. */
export function commandOf(
  script: string,
  environment: Readonly<Record<string, string>> = {},
  log?: string,
  nodeOptions: readonly string[] = [],
): Command {
  return {
    program: script.endsWith('.py') ? findPython()! : process.execPath,
    args: [...nodeOptions, script],
    environment: { CONFIG_FILE: '/dev/null', ...environment },
    ...(log === undefined ? {} : { log }),
  };
}

/** Linux counts the processor time of a process in hundredths of a second (USER_HZ), on all platforms of Node. */
const TICK_MS = 10;

/** The lines of a program's standard output, with their times. */
export class OutputLines {
  /** Resolves after the last line. */
  readonly closed: Promise<unknown>;
  private readonly lines: { line: string; at: number }[] = [];
  private readonly waiting: { text: string; resolve: (at: number) => void }[] = [];

  /** @param output null if it goes to a file. It is read from here on. */
  constructor(output: Readable | null) {
    this.closed = output === null ? Promise.resolve() : once(output, 'close');
    if (output !== null) createInterface(output).on('line', (line) => this.onLine(line));
  }

  find(text: string): { line: string; at: number } | undefined {
    return this.lines.find(({ line }) => line.includes(text));
  }

  /** The time of the next line with `text`. It stays pending without such a line. */
  next(text: string): Promise<number> {
    return new Promise((resolve) => this.waiting.push({ text, resolve }));
  }

  private onLine(line: string): void {
    const at = performance.now();
    this.lines.push({ line, at });
    for (const wait of this.waiting) if (line.includes(wait.text)) wait.resolve(at);
  }
}

/** A measured process, started by `shell_start.ts`. Times are those of `performance.now()`. */
export class Program {
  /** Its exit code (128 and the number of its signal), and the time of its end. */
  readonly ended: Promise<{ code: number; at: number }>;

  constructor(
    private readonly command: Command,
    private readonly pid: number,
    readonly startedAt: number,
    exitCode: Promise<number>,
    private readonly output: OutputLines,
  ) {
    const end = exitCode.then((code) => ({ code, at: performance.now() }));
    // The exit code and the last lines arrive by different pipes.
    this.ended = output.closed.then(() => end);
  }

  /**
   * The time of the first line with `text`; waits for it.
   *
   * @throws Error the program ended without such a line.
   */
  async timeOfLine(text: string): Promise<number> {
    const found = this.output.find(text);
    if (found !== undefined) return found.at;
    const failed = this.ended.then(({ code }) => Promise.reject(new Error(`ended (${code}) without "${text}"`)));
    return Promise.race([this.output.next(text), failed]);
  }

  /** The value of a field in the first successful line of this action; undefined without such a line. */
  field(action: string, name: string): string | undefined {
    const found = this.output.find(`action: ${action} | result: success`);
    return found === undefined ? undefined : new RegExp(`\\| ${name}: (\\S+)`).exec(found.line)?.[1];
  }

  /** A memory figure of /proc/PID/status in bytes (proc(5)); undefined after the end of the process. */
  memory(name: 'VmRSS' | 'VmHWM'): number | undefined {
    try {
      const status = readFileSync(`/proc/${this.pid}/status`, 'latin1');
      const match = new RegExp(`${name}:\\s+(\\d+) kB`).exec(status);
      return match === null ? undefined : Number(match[1]) * 1024;
    } catch {
      return undefined;
    }
  }

  /** The used processor time in milliseconds, in steps of 10 (`utime` and `stime` of proc(5)). */
  cpuMs(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
  }

  /**
   * Ends the process by SIGTERM.
   *
   * @throws Error the exit code is not 0.
   */
  async stop(): Promise<void> {
    this.signal('SIGTERM');
    await this.requireSuccess();
  }

  /**
   * Waits for the end of the process.
   *
   * @returns the time of the end.
   * @throws Error the exit code is not 0.
   */
  async requireSuccess(): Promise<number> {
    const { code, at } = await this.ended;
    if (code !== 0) throw new Error(`${this.command.args.join(' ')} ended with ${code}`);
    return at;
  }
}
