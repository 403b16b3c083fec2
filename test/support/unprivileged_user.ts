import { readFileSync } from 'node:fs';

/** A user of the machine, by number. */
export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The user for a program that refuses to run as root: `postgres`, or `nobody`. Undefined if the tests do not run as root:
 * then it runs as their own user.
 */
export function unprivilegedUser(): UserIds | undefined {
  if (process.getuid!() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error('the tests run as root, and neither postgres nor nobody is a user of this machine');
}
