import { readFileSync } from 'node:fs';
import { type ConnectionOptions } from 'node:tls';

/** The parameters of a libpq URI about TLS, as they stand in it. */
export interface TlsParameters {
  readonly sslmode: string | undefined;
  readonly sslrootcert: string | undefined;
  readonly sslcert: string | undefined;
  readonly sslkey: string | undefined;
}

/** The options of one attempt to connect: those of tls.connect, or false without encryption. */
export type TlsMode = ConnectionOptions | false;

const MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'];

/** libpq's name for the certificate authorities of the system: here those of Node. */
const SYSTEM = 'system';

/**
 * The ways to encrypt a connection, in the order of the attempts, by libpq's rules (PostgreSQL's manual, 34.19):
 * `prefer` (the default) encrypts if the server can, `require` always, without a check of the certificate unless
 * `sslrootcert` names its authorities; `verify-ca` checks the certificate, `verify-full` the host's name too.
 * `verify-full` without `sslrootcert` trusts the authorities of Node.
 *
 * @returns the modes, or a fault without the names of the files.
 */
export function tlsModesOf(parameters: TlsParameters): readonly TlsMode[] | string {
  const { sslmode = 'prefer', sslrootcert, sslcert, sslkey } = parameters;
  if (!MODES.includes(sslmode)) return `must have sslmode=${MODES.join(', ')}`;
  if (sslmode === 'disable') return [false];
  if ((sslcert === undefined) !== (sslkey === undefined)) return 'must have sslcert and sslkey together';
  const hasAuthorities = sslrootcert !== undefined && sslrootcert !== SYSTEM;
  if (sslmode === 'verify-ca' && !hasAuthorities) return 'must have sslrootcert=FILE with sslmode=verify-ca';
  if (sslmode !== 'verify-full' && sslrootcert === SYSTEM)
    return 'must have sslmode=verify-full with sslrootcert=system';

  const files: ConnectionOptions = {};
  for (const [option, name, path] of [
    ['ca', 'sslrootcert', hasAuthorities ? sslrootcert : undefined],
    ['cert', 'sslcert', sslcert],
    ['key', 'sslkey', sslkey],
  ] as const) {
    if (path === undefined) continue;
    const content = readOrCode(path);
    if (typeof content === 'string') return `has an ${name} that cannot be read (${content})`;
    files[option] = content;
  }
  if (files.ca !== undefined && !hasCertificate(files.ca as Buffer))
    return 'has an sslrootcert without a certificate in PEM';
  const unusable = files.cert === undefined ? undefined : faultOfIdentity(files);
  if (unusable !== undefined) return `has an sslcert and an sslkey that cannot be used (${unusable})`;
  if (sslmode === 'verify-full') return [files];
  if (hasAuthorities) return [{ ...files, checkServerIdentity: () => undefined }];
  const unverified = { ...files, rejectUnauthorized: false };
  return sslmode === 'prefer' ? [unverified, false] : [unverified];
}

/** The content of a file, or the code of the error. */
function readOrCode(path: string): Buffer | string {
  try {
    return readFileSync(path);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown error';
  }
}

/** Whether a file has a certificate in PEM, the first one undamaged. TLS would ignore other content. */
function hasCertificate(content: Buffer): boolean {
  const { X509Certificate } = process.getBuiltinModule('node:crypto');
  try {
    return content.includes('-----BEGIN CERTIFICATE-----') && new X509Certificate(content).raw.length > 0;
  } catch {
    return false;
  }
}

/** The code of OpenSSL's error about a certificate and its key; undefined if they fit. */
function faultOfIdentity(files: ConnectionOptions): string | undefined {
  try {
    process.getBuiltinModule('node:tls').createSecureContext(files);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown error';
  }
}
