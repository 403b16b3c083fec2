import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Readable } from 'node:stream';
import { type Command, OutputLines, Program } from './program';

/** The first descriptor of the programs' outputs. The shell writes its reports to descriptor 1. */
const FIRST_OUTPUT = 3;

/** Programs started together by a shell. */
export interface Group {
  /** In the order of their commands. */
  readonly programs: readonly Program[];
  /** The processor time of all programs and the shell in milliseconds, after the end of the last program. */
  readonly cpuMs: Promise<number>;
}

/**
 * Starts programs together from `sh`, all in the background. A start from this process would be measured too: `spawn`
 * takes some milliseconds and blocks it, and six of them take as long as six empty programs. The shell is started
 * before the time counts, and needs less than a millisecond for each program.
 *
 * The shell reports `started NUMBER PID` and `ended NUMBER CODE` for each program, and the processor times at its end.
 */
export async function startTogether(commands: readonly Command[]): Promise<Group> {
  const outputs = commands.map(({ log }) => (log === undefined ? 'pipe' : openSync(log, 'a')));
  const shell = spawn('sh', ['-c', scriptOf(commands)], { stdio: ['pipe', 'pipe', 'inherit', ...outputs] });
  for (const output of outputs) if (typeof output === 'number') closeSync(output);
  const reports = new Reports(shell.stdout!, commands.length);
  const lines = commands.map((_, index) => new OutputLines(shell.stdio[FIRST_OUTPUT + index] as Readable | null));
  await reports.ready;
  const startedAt = performance.now();
  shell.stdin!.end('start\n');
  const pids = await Promise.all(reports.started);
  const programs = commands.map(
    (command, index) => new Program(command, pids[index]!, startedAt, reports.ended[index]!, lines[index]!),
  );
  return { programs, cpuMs: reports.cpuMs };
}

/** Starts one program in the same way. */
export async function start(command: Command): Promise<Program> {
  const { programs } = await startTogether([command]);
  return programs[0]!;
}

/**
 * Each program has a subshell that waits for it. No process keeps the output of another program open. A terminal's Ctrl-C
 * ends only the first shell, because programs in the background ignore it, so that shell ends them.
 */
function scriptOf(commands: readonly Command[]): string {
  const outputs = commands.map((_, index) => FIRST_OUTPUT + index);
  const starts = commands.map((command, index) => {
    const own = FIRST_OUTPUT + index;
    const run = `${lineOf(command)} >&${own} & echo "started ${index} $!"; wait $!; echo "ended ${index} $?"`;
    return `{ ${run}; } ${closing(outputs.filter((output) => output !== own))} &`;
  });
  return [
    "trap 'kill 0' INT",
    'echo ready',
    'read -r line',
    ...starts,
    `exec ${closing(outputs)}`,
    'wait',
    'times',
  ].join('\n');
}

/** Redirections that close these descriptors. */
function closing(descriptors: readonly number[]): string {
  return descriptors.map((descriptor) => `${descriptor}>&-`).join(' ');
}

function lineOf({ program, args, environment = {} }: Command): string {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${quote(value)}`);
  return [...variables, ...[program, ...args].map(quote)].join(' ');
}

/** Quotes a word for the shell (POSIX, Shell Command Language, 2.2.2). */
function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** Receives the reports of the shell. */
class Reports {
  readonly ready: Promise<unknown>;
  /** The process ids of the programs. */
  readonly started: readonly Promise<number>[];
  /** The exit codes of the programs. */
  readonly ended: readonly Promise<number>[];
  readonly cpuMs: Promise<number>;
  private readonly waits = new Map<string, (rest: string) => void>();
  private lastLine = '';

  constructor(output: Readable, programs: number) {
    const numbers = Array.from({ length: programs }, (_, index) => index);
    this.ready = this.wait('ready');
    this.started = numbers.map((number) => this.wait(`started ${number}`));
    this.ended = numbers.map((number) => this.wait(`ended ${number}`));
    const lines = createInterface(output).on('line', (line) => this.onLine(line));
    this.cpuMs = once(lines, 'close').then(() => millisecondsOf(this.lastLine));
  }

  private wait(report: string): Promise<number> {
    return new Promise((resolve) => this.waits.set(report, (rest) => resolve(Number(rest))));
  }

  private onLine(line: string): void {
    this.lastLine = line;
    const [, report = '', rest = ''] = /^(ready|started \d+|ended \d+) ?(\d*)$/.exec(line) ?? [];
    this.waits.get(report)?.(rest);
  }
}

/** Reads a line of `times`: the user and the system time, each as `0m0.32s`. */
function millisecondsOf(line: string): number {
  const times = Array.from(line.matchAll(/(\d+)m([\d.,]+)s/g));
  return times.reduce((sum, [, minutes, seconds]) => {
    return sum + 1000 * (60 * Number(minutes) + Number(seconds!.replace(',', '.')));
  }, 0);
}
