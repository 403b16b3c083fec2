import { type ChildProcess, spawn } from 'node:child_process';
import { type UserIds } from './unprivileged_user';

export interface CommandOptions {
  readonly cwd?: string;
  /** Changes to this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The standard input (default: empty). */
  readonly input?: string | Buffer;
  /** The user of the command (default: the user of this process). */
  readonly user?: UserIds;
  /** The time limit in milliseconds (default: 60,000). */
  readonly timeoutMs?: number;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, with any exit code. Rejects if it cannot be started, or after the time limit. */
export function runCommand(command: string, args: string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { cwd, env, user, input = '', timeoutMs = 60_000 } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, ...user });
    const stdout = collect(child, 'stdout');
    const stderr = collect(child, 'stderr');
    const deadline = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${commandLine(command, args)} took longer than ${timeoutMs} ms:\n${stdout()}${stderr()}`));
    }, timeoutMs);

    child.once('error', (error) => {
      clearTimeout(deadline);
      reject(error);
    });
    child.once('close', (code) => {
      clearTimeout(deadline);
      resolve({ code, stdout: stdout(), stderr: stderr() });
    });
    // A command may end without reading its input.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/** Runs a command, and returns its stdout. Rejects if its exit code is not 0. */
export async function outputOf(command: string, args: string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await runCommand(command, args, options);
  if (code === 0) return stdout;
  throw new Error(`${commandLine(command, args)} ended with exit code ${code}:\n${stdout}${stderr}`);
}

function collect(child: ChildProcess, name: 'stdout' | 'stderr'): () => string {
  const chunks: Buffer[] = [];
  child[name]?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString('utf8');
}

function commandLine(command: string, args: string[]): string {
  return [command, ...args].join(' ');
}
