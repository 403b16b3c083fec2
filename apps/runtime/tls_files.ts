import { type X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CodedError } from './coded_error';

/** A file of TLS, and the setting that names it. */
export interface TlsFile {
  readonly setting: string;
  readonly path: string;
}

/** A file of TLS cannot be used. The message has the setting, the path and the fault. */
export class TlsFileError extends CodedError {
  readonly code = 'UNUSABLE_TLS_FILE';

  constructor({ setting, path }: TlsFile, fault: string, options?: ErrorOptions) {
    super(`${setting} ${path} ${fault}`, options);
  }
}

/** A certificate with its chain, and its key, in PEM. */
export interface IdentityPem {
  readonly cert: string;
  readonly key: string;
  /** The encoded certificate (DER), without the chain. */
  readonly raw: Buffer;
  readonly validFrom: Date;
  readonly validTo: Date;
}

/** Certificates of authorities in PEM. */
export interface AuthoritiesPem {
  readonly ca: string;
  readonly certificates: readonly X509Certificate[];
  /** The end of the first of them. */
  readonly validTo: Date;
}

const REVOCATION_LIST = /-----BEGIN X509 CRL-----[^-]*-----END X509 CRL-----/g;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** @throws TlsFileError */
export function readIdentity(certificateFile: TlsFile, keyFile: TlsFile): IdentityPem {
  const { createPrivateKey } = process.getBuiltinModule('node:crypto');
  const cert = readText(certificateFile);
  const [own] = certificatesIn(cert, certificateFile);
  const key = readText(keyFile);
  let parsed;
  try {
    parsed = createPrivateKey(key);
  } catch (cause) {
    throw new TlsFileError(keyFile, 'is no private key without a passphrase in PEM', { cause });
  }
  if (!own!.checkPrivateKey(parsed)) {
    throw new TlsFileError(keyFile, `is not the key of ${certificateFile.setting} ${certificateFile.path}`);
  }
  return { cert, key, raw: own!.raw, validFrom: new Date(own!.validFrom), validTo: new Date(own!.validTo) };
}

/** @throws TlsFileError */
export function readAuthorities(file: TlsFile): AuthoritiesPem {
  const ca = readText(file);
  const certificates = certificatesIn(ca, file);
  const ends = certificates.map(({ validTo }) => Date.parse(validTo));
  return { ca, certificates, validTo: new Date(Math.min(...ends)) };
}

/**
 * The revocation lists in a file, each in PEM: of a text with several, Node uses the first one only.
 *
 * @throws TlsFileError
 */
export function readRevocations(file: TlsFile): string[] {
  const crl = readText(file).match(REVOCATION_LIST) ?? [];
  if (crl.length === 0) throw new TlsFileError(file, 'has no revocation list in PEM');
  try {
    process.getBuiltinModule('node:tls').createSecureContext({ crl });
  } catch (cause) {
    throw new TlsFileError(file, 'has a damaged revocation list', { cause });
  }
  return crl;
}

function certificatesIn(text: string, file: TlsFile): X509Certificate[] {
  const { X509Certificate: Certificate } = process.getBuiltinModule('node:crypto');
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw new TlsFileError(file, 'has no certificate in PEM');
  try {
    return blocks.map((block) => new Certificate(block));
  } catch (cause) {
    throw new TlsFileError(file, 'has a damaged certificate', { cause });
  }
}

function readText(file: TlsFile): string {
  try {
    return readFileSync(file.path, 'utf8');
  } catch (cause) {
    throw new TlsFileError(file, `cannot be read: ${(cause as Error).message}`, { cause });
  }
}
