import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

/** The directory of the built programs: the project's dist/, or LOTTERY_DIST. */
export const DIST = process.env['LOTTERY_DIST'] ?? join(__dirname, '../../dist');

const PROGRAMS = {
  server: 'apps/server/main.js',
  client: 'apps/client/main.js',
  echoServer: 'apps/echo/server.js',
  echoClient: 'apps/echo/client.js',
  newDraw: 'apps/server/new_draw.js',
  backup: 'apps/server/backup_store.js',
  migrate: 'apps/server/migrate.js',
  exportStore: 'apps/server/export_store.js',
  importStore: 'apps/server/import_store.js',
  healthcheck: 'apps/server/healthcheck.js',
  run: 'tools/run_lottery.js',
  data: 'tools/generate_data.js',
  certificates: 'tools/generate_certificates.js',
} as const;

export type ProgramName = keyof typeof PROGRAMS;

export interface AppOptions {
  /** The program's environment beside a few fixed variables. The environment of the tests is not inherited. */
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** The working directory, normally one without a config/. */
  readonly cwd: string;
  /** File descriptors for the output. Without them, this object collects it. */
  readonly stdout?: number;
  readonly stderr?: number;
}

/** The end of a program. */
export interface AppEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const DEADLINE_MS = 10_000;

/** A built program in a child process with plain node, and its output. */
export class App {
  private static readonly running = new Set<App>();
  private readonly child: ChildProcess;
  private readonly watchers = new Set<() => void>();
  private hasEnded = false;
  private readonly completeLines: string[] = [];
  private output = '';
  /** The part of `output` behind its last complete line. */
  private unfinished = '';
  private errors = '';

  /** Resolves after the end of the process and of its output. */
  readonly ended: Promise<AppEnd>;

  constructor(
    readonly program: ProgramName,
    { env = {}, args = [], cwd, stdout, stderr }: AppOptions,
  ) {
    const { PATH, TZ, NODE_V8_COVERAGE } = process.env;
    this.child = spawn(process.execPath, [join(DIST, PROGRAMS[program]), ...args], {
      cwd,
      env: { PATH, TZ, NODE_V8_COVERAGE, ...env },
      stdio: ['ignore', stdout ?? 'pipe', stderr ?? 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.addOutput(text);
      this.look();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
      this.look();
    });
    App.running.add(this);
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.hasEnded = true;
        App.running.delete(this);
        this.look();
        resolve({ code, signal });
      });
    });
  }

  /** Kills all running programs of a test. */
  static async endAll(): Promise<void> {
    const left = Array.from(App.running);
    for (const app of left) app.signal('SIGKILL');
    await Promise.all(left.map((app) => app.ended));
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** The complete lines on stdout so far. */
  get lines(): readonly string[] {
    return this.completeLines;
  }

  /** All of stdout so far. */
  get stdout(): string {
    return this.output;
  }

  get stderr(): string {
    return this.errors;
  }

  /** The matching lines on stdout. */
  grep(pattern: RegExp): readonly string[] {
    return this.lines.filter((line) => pattern.test(line));
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Sends a signal, and waits for the end of the program. `ms` is the time in between. */
  async stop(name: NodeJS.Signals): Promise<AppEnd & { readonly ms: number }> {
    const begun = performance.now();
    this.signal(name);
    const end = await this.end();
    return { ...end, ms: performance.now() - begun };
  }

  /** Waits for the end of the program; fails after the deadline. */
  async end(deadlineMs = DEADLINE_MS): Promise<AppEnd> {
    await this.until(() => this.hasEnded, 'end', deadlineMs);
    return this.ended;
  }

  /** Waits for the first matching line on stdout; fails after the deadline. */
  async line(pattern: RegExp, deadlineMs = DEADLINE_MS): Promise<string> {
    return (await this.linesMatching(pattern, 1, deadlineMs))[0]!;
  }

  /** Waits for the first `count` matching lines on stdout. */
  async linesMatching(pattern: RegExp, count: number, deadlineMs = DEADLINE_MS): Promise<readonly string[]> {
    await this.until(() => this.grep(pattern).length >= count, `log ${pattern} (${count} times)`, deadlineMs);
    return this.grep(pattern).slice(0, count);
  }

  /** Waits for matching text on stderr. */
  async errorLine(pattern: RegExp, deadlineMs = DEADLINE_MS): Promise<void> {
    await this.until(() => pattern.test(this.errors), `write ${pattern} to stderr`, deadlineMs);
  }

  private async until(isThere: () => boolean, what: string, deadlineMs: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error): void => {
        clearTimeout(timer);
        this.watchers.delete(look);
        if (error === undefined) resolve();
        else reject(error);
      };
      const fail = (why: string): void => {
        settle(new Error(`${this.program} did not ${what} ${why}. It wrote:\n${this.output}${this.errors}`));
      };
      const look = (): void => {
        if (isThere()) settle();
        else if (this.hasEnded) fail('before it ended');
      };
      const timer = setTimeout(() => fail(`within ${deadlineMs} ms`), deadlineMs);
      this.watchers.add(look);
      look();
    });
  }

  private addOutput(text: string): void {
    this.output += text;
    const lines = (this.unfinished + text).split('\n');
    this.unfinished = lines.pop()!;
    for (const line of lines) this.completeLines.push(line);
  }

  private look(): void {
    for (const look of Array.from(this.watchers)) look();
  }
}
