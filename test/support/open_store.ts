import { readdir, readlink } from 'node:fs/promises';

/** Whether a program has opened a store: a file of it, or a connection. */
export async function hasOpenedStore(pid: number): Promise<boolean> {
  // The first three are those of its caller.
  const names = (await readdir(`/proc/${pid}/fd`)).filter((name) => Number(name) > 2);
  const targets = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
  return targets.some((target) => target.endsWith('/bets.csv') || target.startsWith('socket:'));
}
