import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const DEADLINE_MS = 20_000;

/**
 * The processes whose working directory is `directory` or lies below it. A postmaster leaves its parent and runs in its
 * data directory, as its backends do (proc(5): /proc/PID/cwd); a zombie has no working directory.
 */
export function processesBelow(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isBelow(directory, workingDirectoryOf(pid)));
}

/** Kills these processes (SIGKILL), the ones that appear meanwhile too, and resolves when none is left. */
export async function killBelow(directory: string): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  for (let pids = processesBelow(directory); pids.length > 0; pids = processesBelow(directory)) {
    if (performance.now() > deadline) throw new Error(`processes ${pids.join()} below ${directory} do not end`);
    for (const pid of pids) signal(pid, 'SIGKILL');
    await delay(2);
  }
}

/** Kills all processes below the directory, unmounts all file systems below it, and removes it. */
export async function removeDaemons(directory: string): Promise<void> {
  await killBelow(directory);
  for (const path of mountsBelow(directory)) spawnSync('umount', [path]);
  await rm(directory, { recursive: true, force: true });
}

/** Sends a signal; false if there is no such process. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function workingDirectoryOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    // It has ended, or belongs to another user.
    return '';
  }
}

function mountsBelow(directory: string): string[] {
  const paths = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  return paths.filter((path) => isBelow(directory, path)).reverse();
}

function isBelow(directory: string, path: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}
