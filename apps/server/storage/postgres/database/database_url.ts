import { userInfo } from 'node:os';
import { SettingsError } from '../../../../runtime/settings';
import { type TlsMode, tlsModesOf } from './tls_modes';

/** One server of the database: a host name, an IP address without brackets, or the directory of a Unix socket. */
export interface DatabaseHost {
  readonly host: string;
  readonly port: number;
}

/** The content of a libpq connection URI. */
export interface DatabaseUrl {
  /** The servers in the order of the URI, at least one. */
  readonly hosts: readonly DatabaseHost[];
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  /** Whether only a server that accepts writes is used (`target_session_attrs`). */
  readonly mustBeWritable: boolean;
  readonly applicationName: string;
  /** The time limit of an attempt to connect to one host, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** The ways to encrypt, in the order of the attempts. For TCP; a Unix socket is never encrypted. */
  readonly tls: readonly TlsMode[];
}

/** The directory of the socket of Debian's packages, for a URI without a host. */
const DEFAULT_HOST = '/var/run/postgresql';
const DEFAULT_PORT = 5432;
const DEFAULT_APPLICATION_NAME = 'lottery-server';
const DEFAULT_CONNECT_TIMEOUT_MS = 2_000;
const MAX_CONNECT_TIMEOUT_S = 3_600;

const PARAMETERS: readonly string[] = [
  'host',
  'port',
  'dbname',
  'user',
  'password',
  'target_session_attrs',
  'application_name',
  'connect_timeout',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
];

/**
 * A fault of the URI. Its message quotes nothing of the URI: any part of a malformed one may belong to the password.
 */
class UrlFault extends Error {}

/**
 * Parses a connection URI, `postgresql://[user[:password]@][host[:port][,…]][/database][?parameter=value[&…]]`, as
 * libpq does (PostgreSQL's manual, 34.1.1.2): several hosts, IPv6 addresses in brackets, percent-encoding, directories
 * of Unix sockets. Parameters: host, port, dbname, user, password, target_session_attrs (any, read-write, primary),
 * application_name, connect_timeout (s, 0: 2 s), sslmode (all but allow), sslrootcert, sslcert, sslkey. A parameter has
 * precedence over the same part of the authority. The files of the parameters are read.
 *
 * @throws SettingsError with the fault. It contains nothing of the URI.
 */
export function parseDatabaseUrl(text: string): DatabaseUrl {
  try {
    return parse(text.trim());
  } catch (fault) {
    if (fault instanceof UrlFault) throw new SettingsError(`SERVER_DATABASE_URL ${fault.message}`);
    throw fault;
  }
}

/** The address for logs and errors: `host:port,…/database`, without the user. */
export function describeDatabase({ hosts, database }: Pick<DatabaseUrl, 'hosts' | 'database'>): string {
  return `${hosts.map(describeHost).join(',')}/${database}`;
}

export function describeHost({ host, port }: DatabaseHost): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function isUnixSocket({ host }: DatabaseHost): boolean {
  return host.startsWith('/');
}

function parse(text: string): DatabaseUrl {
  const [, rest] = /^postgres(?:ql)?:\/\/(.*)$/s.exec(text) ?? fail('must begin with postgresql://');
  // Like libpq: the user ends at the first @ before a slash.
  const [, credentials, location] = /^(?:([^@/]*)@)?(.*)$/s.exec(rest!)!;
  const [, authority, path, query] = /^([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(location!)!;
  if (/[@/]/.test(path ?? '')) fail('must have the characters @ and / of a user, password or database as %40 and %2F');
  const parameters = readParameters(query ?? '');
  const [, urlUser, urlPassword] = /^([^:]*)(?::(.*))?$/s.exec(credentials ?? '')!;
  const user = (parameters.get('user') ?? decode(urlUser!)) || nameOfOwnUser();
  return {
    hosts: readHosts(authority!, parameters),
    user,
    password: (parameters.get('password') ?? decode(urlPassword ?? '')) || undefined,
    database: (parameters.get('dbname') ?? decode(path ?? '')) || user,
    mustBeWritable: readTarget(parameters.get('target_session_attrs')),
    applicationName: parameters.get('application_name') ?? DEFAULT_APPLICATION_NAME,
    connectTimeoutMs: readTimeout(parameters.get('connect_timeout')),
    tls: readTls(parameters),
  };
}

function nameOfOwnUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A container's user may be a number without an entry in /etc/passwd.
    return fail('must name a user: this process runs as a user without a name');
  }
}

function readParameters(query: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of query === '' ? [] : query.split('&')) {
    const [, name, value] = /^([^=]*)=([^=]*)$/s.exec(pair) ?? fail('has a parameter that is not NAME=VALUE');
    const key = decode(name!);
    if (!PARAMETERS.includes(key)) fail(`has a parameter that is none of ${PARAMETERS.join(', ')}`);
    parameters.set(key, decode(value!));
  }
  return parameters;
}

function readHosts(authority: string, parameters: ReadonlyMap<string, string>): readonly DatabaseHost[] {
  const fromAuthority = authority.split(',').map(readHostAndPort);
  const hosts = parameters.get('host')?.split(',') ?? fromAuthority.map(({ host }) => host);
  const ports = parameters.get('port')?.split(',') ?? fromAuthority.map(({ port }) => port);
  if (ports.length > 1 && ports.length !== hosts.length) fail('must have one port, or one for each host');
  return hosts.map((host, index) => ({
    host: checkHost(host === '' ? DEFAULT_HOST : host),
    port: readPort(ports[ports.length === 1 ? 0 : index]!),
  }));
}

function readHostAndPort(text: string): { readonly host: string; readonly port: string } {
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*))(?::([^:]*))?$/s.exec(text);
  const [, bracketed, plain, port] = match ?? fail('must have hosts as HOST, HOST:PORT or [IPV6]:PORT');
  return { host: decode(bracketed ?? plain!), port: decode(port ?? '') };
}

function checkHost(host: string): string {
  if (!host.startsWith('/') && /[\s\p{Cc}@]/u.test(host)) fail('has a host with a character that no host name has');
  return host;
}

function readPort(text: string): number {
  if (text === '') return DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : fail('must have ports from 1 to 65535');
}

function readTarget(text: string | undefined): boolean {
  if (text === 'any') return false;
  // libpq's default accepts a standby, but a lottery server writes.
  if (text === undefined || text === 'read-write' || text === 'primary') return true;
  return fail('must have target_session_attrs=any, read-write or primary: the servers write');
}

function readTimeout(text: string | undefined): number {
  if (text === undefined || text === '0') return DEFAULT_CONNECT_TIMEOUT_MS;
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : Infinity;
  if (seconds > MAX_CONNECT_TIMEOUT_S) fail(`must have a connect_timeout of 0 to ${MAX_CONNECT_TIMEOUT_S} seconds`);
  return seconds * 1000;
}

function readTls(parameters: ReadonlyMap<string, string>): readonly TlsMode[] {
  const modes = tlsModesOf({
    sslmode: parameters.get('sslmode'),
    sslrootcert: parameters.get('sslrootcert'),
    sslcert: parameters.get('sslcert'),
    sslkey: parameters.get('sslkey'),
  });
  return typeof modes === 'string' ? fail(modes) : modes;
}

function decode(text: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    return fail('has an invalid percent-encoding');
  }
  return decoded.includes('\0') ? fail('must not hold the character NUL') : decoded;
}

function fail(fault: string): never {
  throw new UrlFault(fault);
}
