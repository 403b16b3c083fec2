import { type X509Certificate } from 'node:crypto';
import { type TlsListenOptions } from '../../../lib/index';
import { SettingsError } from '../../runtime/settings';
import { readAuthorities, readIdentity, readRevocations, type TlsFile, TlsFileError } from '../../runtime/tls_files';
import { type ServerSettings } from '../settings';
import { type TlsExpiry } from '../stats/tls_activity';
import { DerError } from './der_elements';
import { parseRevocationList, type RevocationList } from './revocation_list';
import { type ServerIdentity } from './transport';

/** The files of the settings SERVER_TLS_…. */
export interface ServerTlsFiles {
  readonly certificate: TlsFile;
  readonly key: TlsFile;
  readonly clientCa: TlsFile;
  readonly revocations: TlsFile | undefined;
}

/** The content of these files. */
export interface ServerTlsContent {
  readonly identity: ServerIdentity;
  readonly options: TlsListenOptions;
  readonly authorities: readonly X509Certificate[];
  readonly revocationLists: readonly RevocationList[];
  readonly expiry: TlsExpiry;
}

/** @throws SettingsError a setting that TLS needs is missing. */
export function serverTlsFiles(settings: ServerSettings): ServerTlsFiles {
  const revocations = settings.SERVER_TLS_CRL_FILE;
  return {
    certificate: required(settings, 'SERVER_TLS_CERT_FILE'),
    key: required(settings, 'SERVER_TLS_KEY_FILE'),
    clientCa: required(settings, 'SERVER_TLS_CLIENT_CA_FILE'),
    revocations: revocations === undefined ? undefined : { setting: 'SERVER_TLS_CRL_FILE', path: revocations },
  };
}

function required(
  settings: ServerSettings,
  setting: 'SERVER_TLS_CERT_FILE' | 'SERVER_TLS_KEY_FILE' | 'SERVER_TLS_CLIENT_CA_FILE',
): TlsFile {
  const path = settings[setting];
  if (path === undefined) throw new SettingsError(`SERVER_TLS is on, and needs ${setting}`);
  return { setting, path };
}

/**
 * Reads the files.
 *
 * @throws TlsFileError
 */
export function readServerTls(files: ServerTlsFiles): ServerTlsContent {
  const { cert, key, validTo } = readIdentity(files.certificate, files.key);
  const authorities = readAuthorities(files.clientCa);
  const crl = files.revocations === undefined ? undefined : readRevocations(files.revocations);
  const revocationLists = crl === undefined ? [] : crl.map((pem) => parsedList(files.revocations!, pem));
  const options: TlsListenOptions = {
    cert,
    key,
    ca: authorities.ca,
    crl,
    minVersion: 'TLSv1.3',
    // certificate_check.ts refuses certificates, behind the handshake and before the first message.
    requestCert: true,
    rejectUnauthorized: false,
    resumption: false,
  };
  return {
    identity: { cert, key },
    options,
    authorities: authorities.certificates,
    revocationLists,
    expiry: { certificate: validTo, clientCa: authorities.validTo, revocations: firstEnd(revocationLists) },
  };
}

function parsedList(file: TlsFile, pem: string): RevocationList {
  try {
    return parseRevocationList(pem);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new TlsFileError(file, `has a damaged revocation list: ${cause.message}`, { cause });
  }
}

function firstEnd(lists: readonly RevocationList[]): Date | undefined {
  const ends = lists.flatMap(({ nextUpdate }) => nextUpdate?.getTime() ?? []);
  return ends.length === 0 ? undefined : new Date(Math.min(...ends));
}

/** As `readServerTls` at the start. @throws SettingsError */
export function readServerTlsAtStart(files: ServerTlsFiles): ServerTlsContent {
  try {
    return readServerTls(files);
  } catch (cause) {
    if (!(cause instanceof TlsFileError)) throw cause;
    throw new SettingsError(cause.message, { cause });
  }
}
