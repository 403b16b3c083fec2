import 'reflect-metadata/lite';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509';

/** ECDSA on the curve P-256 with SHA-256, which every TLS 1.3 implementation has (RFC 8446 section 9.1). */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

const DAY_MS = 86_400_000;

/** The time of validity of a certificate or a revocation list. */
export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** The holder of a certificate. */
export interface Subject {
  /** For people (the common name). */
  readonly name: string;
  /** For programs. */
  readonly names: readonly JsonGeneralName[];
  readonly role: 'server' | 'client';
}

/** A certificate and its private key, in PEM. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
  /** In hexadecimal digits. */
  readonly serialNumber: string;
}

/** A validity from an hour ago on, because the clocks of two machines differ. */
export function validFor(days: number): Validity {
  const now = Date.now();
  return { notBefore: new Date(now - 3_600_000), notAfter: new Date(now + days * DAY_MS) };
}

/** A certificate authority for a trial of TLS, and for tests: its key is in a file, or in the memory of the process. */
export class CertificateAuthority {
  private constructor(
    private readonly subject: string,
    private readonly keys: CryptoKeyPair,
    /** In PEM. */
    readonly certificate: string,
    /** The private key in PEM. */
    readonly key: string,
  ) {}

  static async create(name: string, validity: Validity): Promise<CertificateAuthority> {
    const keys = await newKeys();
    const subject = `CN=${name}`;
    const certificate = await X509CertificateGenerator.createSelfSigned({
      ...validity,
      name: subject,
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new CertificateAuthority(subject, keys, certificate.toString('pem'), await keyInPem(keys));
  }

  /**
   * Makes a certificate.
   *
   * @param keys default: a new pair of its own.
   */
  async issue({ name, names, role }: Subject, validity: Validity, keys?: CryptoKeyPair): Promise<Identity> {
    keys ??= await newKeys();
    const usage = role === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth;
    const extensions: Extension[] = [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([usage]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(this.keys.publicKey),
    ];
    if (names.length > 0) extensions.push(new SubjectAlternativeNameExtension([...names]));
    const certificate = await X509CertificateGenerator.create({
      ...validity,
      subject: `CN=${name}`,
      issuer: this.subject,
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions,
    });
    return {
      certificate: certificate.toString('pem'),
      key: await keyInPem(keys),
      serialNumber: certificate.serialNumber,
    };
  }

  /** A revocation list in PEM. */
  async revoke(serialNumbers: readonly string[], validity: Validity): Promise<string> {
    const list = await X509CrlGenerator.create({
      issuer: this.subject,
      thisUpdate: validity.notBefore,
      nextUpdate: validity.notAfter,
      entries: serialNumbers.map((serialNumber) => ({ serialNumber, revocationDate: validity.notBefore })),
      signingKey: this.keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [await AuthorityKeyIdentifierExtension.create(this.keys.publicKey)],
    });
    // The library's own label, CRL, is not the one of RFC 7468 section 6.
    return toPem('X509 CRL', list.rawData);
  }
}

/** A private key and its public key. */
export function newKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function keyInPem({ privateKey }: CryptoKeyPair): Promise<string> {
  return toPem('PRIVATE KEY', await crypto.subtle.exportKey('pkcs8', privateKey));
}

/** The textual encoding of RFC 7468. */
function toPem(label: string, encoded: ArrayBuffer): string {
  const lines = Buffer.from(encoded)
    .toString('base64')
    .match(/.{1,64}/g)!;
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
