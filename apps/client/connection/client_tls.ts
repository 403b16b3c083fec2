import { isIP } from 'node:net';
import { type TlsConnectOptions } from '../../../lib/index';
import { SettingsError } from '../../runtime/settings';
import { readAuthorities, readIdentity, type TlsFile, TlsFileError } from '../../runtime/tls_files';
import { type ClientSettings, withId } from '../settings';

/**
 * Reads the files of the settings CLI_TLS_….
 *
 * @returns undefined if CLI_TLS is off.
 * @throws SettingsError a setting is missing, a file cannot be used, or the certificate is not valid at this time.
 */
export function readClientTls(settings: ClientSettings): TlsConnectOptions | undefined {
  if (!settings.CLI_TLS) return undefined;
  const caFile = fileOf(settings, 'CLI_TLS_CA_FILE');
  const certificateFile = fileOf(settings, 'CLI_TLS_CERT_FILE');
  const keyFile = fileOf(settings, 'CLI_TLS_KEY_FILE');
  try {
    const { ca } = readAuthorities(caFile);
    const { cert, key, validFrom, validTo } = readIdentity(certificateFile, keyFile);
    const now = new Date();
    if (now > validTo) throw new TlsFileError(certificateFile, `has expired: ${validTo.toISOString()}`);
    if (now < validFrom) throw new TlsFileError(certificateFile, `is not valid yet: ${validFrom.toISOString()}`);
    return { ca, cert, key, minVersion: 'TLSv1.3' };
  } catch (cause) {
    if (!(cause instanceof TlsFileError)) throw cause;
    throw new SettingsError(cause.message, { cause });
  }
}

/** The name that the server's certificate must have; undefined for the IP address of the connection. */
export function serverNameOf({ CLI_TLS_SERVER_NAME }: ClientSettings, host: string): string | undefined {
  if (CLI_TLS_SERVER_NAME !== undefined) return CLI_TLS_SERVER_NAME;
  // RFC 6066 excludes the dot of the root.
  return isIP(host) === 0 ? host.replace(/\.$/, '') : undefined;
}

function fileOf(
  settings: ClientSettings,
  setting: 'CLI_TLS_CA_FILE' | 'CLI_TLS_CERT_FILE' | 'CLI_TLS_KEY_FILE',
): TlsFile {
  const path = settings[setting];
  if (path === undefined) throw new SettingsError(`CLI_TLS is on, and needs ${setting}`);
  return { setting, path: withId(path, settings.CLI_ID) };
}
