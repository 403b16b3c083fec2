import { once } from 'node:events';
import { chown, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { findPostgresPrograms } from './postgres_programs';
import { type PostgresServer, spawnAs } from './postgres_server';
import { unprivilegedUser } from './unprivileged_user';

const PROGRAM = 'pg_receivewal';

/**
 * Starts a receiver of the server's changes: to the server it is a standby that confirms each flush. It ends with the
 * server. The test is skipped on a machine without this program of PostgreSQL's clients.
 *
 * @returns a function that ends it.
 */
export async function startWalReceiver(
  context: Mocha.Context,
  { directory, port }: PostgresServer,
  name: string,
): Promise<() => Promise<void>> {
  const programs = findPostgresPrograms([PROGRAM]) ?? context.skip();
  const target = await mkdtemp(join(directory, 'wal-'));
  const user = unprivilegedUser();
  if (user !== undefined) await chown(target, user.uid, user.gid);
  const connection = `host=${directory} port=${port} user=lottery application_name=${name}`;
  const args = ['--directory', target, '--dbname', connection, '--synchronous', '--no-loop', '--status-interval', '1'];
  const receiver = spawnAs(join(programs, PROGRAM), args, { stdio: 'ignore' });
  const ended = once(receiver, 'exit');
  return async () => {
    receiver.kill('SIGINT');
    await ended;
  };
}
