import { readFileSync } from 'node:fs';
import { SettingsError } from '../../../../runtime/settings';
import { type DatabaseHost, type DatabaseUrl, isUnixSocket } from './database_url';
import { loadPgpass } from './driver';

/**
 * Returns the password for a connection to a host. It is called only if the server requires one.
 *
 * @throws SettingsError there is none, or its file cannot be read.
 */
export type PasswordSource = (host: DatabaseHost) => Promise<string>;

/**
 * The source of the database's password: the first line of `file` (SERVER_DATABASE_PASSWORD_FILE), read again at each
 * call, so that a changed password needs no restart; or the URL; or, as in libpq, PGPASSWORD, or the password file
 * (PGPASSFILE, ~/.pgpass; PostgreSQL's manual, 34.16).
 *
 * @throws SettingsError the file cannot be read or has no password, or the URL has one too.
 */
export function passwordSource(url: DatabaseUrl, file: string | undefined): PasswordSource {
  const { password } = url;
  if (file !== undefined) {
    if (password !== undefined) {
      throw new SettingsError('SERVER_DATABASE_URL has a password, and SERVER_DATABASE_PASSWORD_FILE is set: keep one');
    }
    readPasswordFile(file);
    return async () => readPasswordFile(file);
  }
  if (password !== undefined) return async () => password;
  return (host) => lookUp(url, host);
}

function readPasswordFile(file: string): string {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new SettingsError(`SERVER_DATABASE_PASSWORD_FILE cannot be read: ${(cause as Error).message}`, { cause });
  }
  const [password] = content.split(/\r?\n/, 1);
  if (password !== '') return password!;
  throw new SettingsError(`SERVER_DATABASE_PASSWORD_FILE ${file} has an empty first line`);
}

async function lookUp({ user, database }: DatabaseUrl, host: DatabaseHost): Promise<string> {
  const { PGPASSWORD } = process.env;
  if (PGPASSWORD !== undefined && PGPASSWORD !== '') return PGPASSWORD;
  // In the file `localhost` stands for Unix sockets too.
  const key = { user, database, host: isUnixSocket(host) ? 'localhost' : host.host, port: host.port };
  const password = await new Promise<string | undefined>((resolve) => loadPgpass()(key, resolve));
  if (password !== undefined) return password;
  throw new SettingsError(
    `the database requires a password for ${user}, and there is none in SERVER_DATABASE_URL, ` +
      'SERVER_DATABASE_PASSWORD_FILE, PGPASSWORD or the file of PGPASSFILE',
  );
}
