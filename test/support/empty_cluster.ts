import { existsSync } from 'node:fs';
import { chown, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { outputOf } from './command';
import { unprivilegedUser } from './unprivileged_user';

/** The owner of everything in the cluster. It connects without a password. */
export const OWNER = 'lottery';

/** Kept from run to run, like the other caches in this directory. */
const CACHE = join(__dirname, '../../node_modules/.cache/postgres');

const OPTIONS = ['-U', OWNER, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions'];

/**
 * Makes the data directory of an empty database cluster, for the unprivileged user. It is a copy, because initdb takes a
 * second of processor time: initdb runs once for each version of PostgreSQL.
 *
 * @param programs the directory of initdb.
 */
export async function makeEmptyCluster(programs: string, data: string): Promise<void> {
  const initdb = join(programs, 'initdb');
  const version = (await outputOf(initdb, ['--version'])).trim().replaceAll(/[^\w.]+/g, '-');
  const cached = join(CACHE, `${version}-${unprivilegedUser()?.uid ?? process.getuid!()}`);
  if (!existsSync(cached)) await fillCache(initdb, cached);
  await copy(cached, data);
}

async function fillCache(initdb: string, cached: string): Promise<void> {
  // The user of initdb may have no access to the directory of the project.
  const directory = await mkdtemp(join(tmpdir(), 'initdb-'));
  const user = unprivilegedUser();
  try {
    if (user !== undefined) await chown(directory, user.uid, user.gid);
    const made = join(directory, 'data');
    await outputOf(initdb, ['-D', made, ...OPTIONS], { cwd: '/', user });
    await mkdir(CACHE, { recursive: true });
    const unfinished = await mkdtemp(`${cached}-`);
    await copy(made, join(unfinished, 'data'));
    // Another process of the tests may have been faster.
    await rename(join(unfinished, 'data'), cached).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY') throw error;
    });
    await rm(unfinished, { recursive: true });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function copy(from: string, to: string): Promise<void> {
  await outputOf('cp', ['-a', from, to]);
}
