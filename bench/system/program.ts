import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const DIST = join(__dirname, '..', '..');

/** The paths of the measured programs, after the build. */
export const PROGRAMS = {
  server: join(DIST, 'apps', 'server', 'main.js'),
  client: join(DIST, 'apps', 'client', 'main.js'),
  migrate: join(DIST, 'apps', 'server', 'migrate.js'),
  baselineServer: join(DIST, 'bench', 'system', 'baseline', 'server.js'),
  baselineClient: join(DIST, 'bench', 'system', 'baseline', 'client.js'),
  pythonServer: join(DIST, 'bench', 'system', 'baseline', 'python', 'server.py'),
  pythonClient: join(DIST, 'bench', 'system', 'baseline', 'python', 'client.py'),
  empty: join(DIST, 'bench', 'system', 'empty.js'),
  bareServer: join(DIST, 'bench', 'system', 'bare_server.js'),
  bareTlsServer: join(DIST, 'bench', 'system', 'bare_tls_server.js'),
  localAddress: join(DIST, 'bench', 'system', 'local_address.js'),
  hostile: join(DIST, 'test', 'torture', 'support', 'hostile_program.js'),
  collectGarbage: join(DIST, 'bench', 'system', 'collect_garbage.js'),
} as const;

const PYTHON = 'python3';

/** Whether this machine has a Python for the baseline, 3.9 or later. */
export function hasPython(): boolean {
  return spawnSync(PYTHON, ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))']).status === 0;
}

export const NO_PYTHON = 'not measured: no python3 of version 3.9 or later';

/** Linux counts the processor time of a process in hundredths of a second (USER_HZ), on all platforms of Node. */
const TICK_MS = 10;

/** A measured process. Times are those of `performance.now()`. */
export class Program {
  readonly startedAt = performance.now();
  /** Its exit code or the name of its signal, and the time of its end. */
  readonly ended: Promise<{ code: number | string; at: number }>;
  private readonly child: ChildProcess;
  private readonly waiting: { text: string; resolve: (at: number) => void }[] = [];
  private readonly lines: { line: string; at: number }[] = [];

  /** @param log a file for its standard output. Without it, this object collects the lines. */
  constructor(script: string, environment: Record<string, string> = {}, log?: string, nodeOptions: string[] = []) {
    const output = log === undefined ? undefined : openSync(log, 'a');
    const command = script.endsWith('.py') ? PYTHON : process.execPath;
    this.child = spawn(command, [...nodeOptions, script], {
      env: { ...process.env, CONFIG_FILE: '/dev/null', ...environment },
      stdio: ['ignore', output ?? 'pipe', 'inherit'],
    });
    if (output !== undefined) closeSync(output);
    this.ended = once(this.child, 'exit').then(([code, signal]) => ({
      code: (code ?? signal) as number | string,
      at: performance.now(),
    }));
    if (this.child.stdout) createInterface(this.child.stdout).on('line', (line) => this.onLine(line));
    void this.ended.then(() => this.failWaits());
  }

  /**
   * The time of the first line with `text`; waits for it.
   *
   * @throws Error the program ended without such a line.
   */
  async timeOfLine(text: string): Promise<number> {
    const found = this.lines.find(({ line }) => line.includes(text));
    if (found !== undefined) return found.at;
    return new Promise((resolve, reject) => {
      this.waiting.push({ text, resolve });
      void this.ended.then(({ code }) => setImmediate(() => reject(new Error(`ended (${code}) without "${text}"`))));
    });
  }

  /** The value of a field in the first successful line of this action; undefined without such a line. */
  field(action: string, name: string): string | undefined {
    const found = this.lines.find(({ line }) => line.includes(`action: ${action} | result: success`));
    return found === undefined ? undefined : new RegExp(`\\| ${name}: (\\S+)`).exec(found.line)?.[1];
  }

  /** A memory figure of /proc/PID/status in bytes (proc(5)); undefined after the end of the process. */
  memory(name: 'VmRSS' | 'VmHWM'): number | undefined {
    try {
      const status = readFileSync(`/proc/${this.child.pid}/status`, 'latin1');
      const match = new RegExp(`${name}:\\s+(\\d+) kB`).exec(status);
      return match === null ? undefined : Number(match[1]) * 1024;
    } catch {
      return undefined;
    }
  }

  /** The used processor time in milliseconds, in steps of 10 (`utime` and `stime` of proc(5)). */
  cpuMs(): number {
    const stat = readFileSync(`/proc/${this.child.pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
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
    if (code !== 0) throw new Error(`${this.child.spawnargs.join(' ')} ended with ${code}`);
    return at;
  }

  private onLine(line: string): void {
    const at = performance.now();
    this.lines.push({ line, at });
    for (const wait of this.waiting) if (line.includes(wait.text)) wait.resolve(at);
  }

  private failWaits(): void {
    this.waiting.length = 0;
  }
}
