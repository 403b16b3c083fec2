import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { chown, mkdir, mkdtemp } from 'node:fs/promises';
import { type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { outputOf, runCommand } from '../../support/command';
import { unprivilegedUser, type UserIds } from '../../support/unprivileged_user';
import { killBelow, processesBelow, removeDaemons } from './daemons';

/**
 * A temporary directory with daemons in it. Every process with a working directory below it is one of them. They end with
 * the directory, and with the test process: a guard kills them where that process is killed.
 */
export class DaemonDirectory {
  private constructor(
    private readonly root: string,
    /** The user of the daemons; undefined for the user of the tests. PostgreSQL refuses to run as root. */
    readonly user: UserIds | undefined,
    private readonly guard: ChildProcess,
  ) {}

  static async create(): Promise<DaemonDirectory> {
    const user = unprivilegedUser();
    const root = await mkdtemp(join(tmpdir(), 'daemons-'));
    const guard = spawn(process.execPath, ['--require', 'tsx/cjs', join(__dirname, 'daemon_guard.ts'), root], {
      // A session of its own: an interrupt from the terminal does not reach it.
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    guard.unref();
    (guard.stdin as Socket).unref();
    if (user !== undefined) await chown(root, user.uid, user.gid);
    const directory = new DaemonDirectory(root, user, guard);
    await directory.requireSightOfProcesses();
    return directory;
  }

  path(...names: readonly string[]): string {
    return join(this.root, ...names);
  }

  /** Makes a directory for the daemons' user. */
  async makeDirectory(...names: readonly string[]): Promise<string> {
    const path = this.path(...names);
    await mkdir(path, { mode: 0o700, recursive: true });
    if (this.user !== undefined) await chown(path, this.user.uid, this.user.gid);
    return path;
  }

  /** Runs a program as the daemons' user; rejects unless it ends with 0. Returns its stdout. */
  async run(program: string, args: readonly string[]): Promise<string> {
    return outputOf(program, [...args], { cwd: this.root, user: this.user });
  }

  /** Starts a program that stays, in the directory `name` and with its output in the file `name.log`. */
  start(name: string, program: string, args: readonly string[]): ChildProcess {
    const log = openSync(this.path(`${name}.log`), 'a');
    const child = spawn(program, args, { cwd: this.path(name), stdio: ['ignore', log, log], ...this.user });
    closeSync(log);
    child.unref();
    return child;
  }

  /** The last lines of the file `name.log`, for the message of a failure. */
  lastLines(name: string, count = 15): string {
    const file = this.path(`${name}.log`);
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(-count).join('\n') : 'not started';
  }

  /** Kills each process in the directory `name`, as the end of a machine does, and resolves when none is left. */
  async kill(name: string): Promise<void> {
    await killBelow(this.path(name));
  }

  /** The processes that run in the directory `name`. */
  processes(name: string): number[] {
    return processesBelow(this.path(name));
  }

  /**
   * Mounts a file system of so many mebibytes at the directory `name`.
   *
   * @returns false where that is not possible: only root may mount.
   */
  async mount(name: string, mebibytes: number): Promise<boolean> {
    if (this.user === undefined) return false;
    const path = await this.makeDirectory(name);
    const options = `size=${mebibytes}m,mode=0700,uid=${this.user.uid},gid=${this.user.gid}`;
    return (await runCommand('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path])).code === 0;
  }

  /** Root needs CAP_SYS_PTRACE to read the working directory of another user's process; in a container it has none. */
  private async requireSightOfProcesses(): Promise<void> {
    const child = spawn('sleep', ['60'], { cwd: this.root, stdio: 'ignore', ...this.user });
    const ended = once(child, 'exit');
    await once(child, 'spawn');
    const isSeen = processesBelow(this.root).includes(child.pid!);
    child.kill('SIGKILL');
    await ended;
    if (isSeen) return;
    await this.dispose();
    throw new Error('the processes of other users cannot be found (CAP_SYS_PTRACE is missing): run it as another user');
  }

  /** Kills all daemons and removes all files. */
  async dispose(): Promise<void> {
    await removeDaemons(this.root);
    if (this.guard.exitCode !== null || this.guard.signalCode !== null) return;
    const ended = once(this.guard, 'exit');
    this.guard.stdin!.end();
    await ended;
  }
}
