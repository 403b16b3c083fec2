import { SettingsError } from '../../../../runtime/settings';
import { type ServerSettings } from '../../../settings';
import { type DatabaseUrl, parseDatabaseUrl } from './database_url';
import { type PasswordSource, passwordSource } from './passwords';

/** The database of the settings, and the source of its password. */
export interface DatabaseTarget {
  readonly url: DatabaseUrl;
  readonly readPassword: PasswordSource;
}

/** @throws SettingsError the URL is missing or has a fault, or the password file has one. */
export function databaseTargetOf(
  settings: Pick<ServerSettings, 'SERVER_DATABASE_URL' | 'SERVER_DATABASE_PASSWORD_FILE'>,
): DatabaseTarget {
  const { SERVER_DATABASE_URL, SERVER_DATABASE_PASSWORD_FILE } = settings;
  if (SERVER_DATABASE_URL === undefined) {
    throw new SettingsError('SERVER_DATABASE_URL is not set: it names the PostgreSQL database');
  }
  const url = parseDatabaseUrl(SERVER_DATABASE_URL);
  return { url, readPassword: passwordSource(url, SERVER_DATABASE_PASSWORD_FILE) };
}
