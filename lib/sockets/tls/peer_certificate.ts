import { type X509Certificate } from 'node:crypto';
import { parseSubjectAltName, type SubjectAltName } from './subject_alt_name';

/** The certificate of a peer (RFC 5280). Whether it may be relied on is `authorized` of `TlsInfo`. */
export class PeerCertificate {
  /** Not kept in use: the parsed form takes 10 kB, which a server would have for each of its connections. */
  private parsed: WeakRef<X509Certificate> | undefined;

  constructor(
    /** The encoded certificate (DER). */
    readonly raw: Buffer,
  ) {}

  /** Node's object, for all else that is in the certificate. It is made of `raw` when it is needed, and not kept. */
  get x509(): X509Certificate {
    const known = this.parsed?.deref();
    if (known !== undefined) return known;
    const parsed = new (process.getBuiltinModule('node:crypto').X509Certificate)(this.raw);
    this.parsed = new WeakRef(parsed);
    return parsed;
  }

  /** For people: `C=AR, O=Lottery, CN=agency 7`. The name for programs is in `subjectAltName`. */
  get subject(): string {
    return inOneLine(this.x509.subject);
  }

  /**
   * The common name (CN) of the subject. Undefined if it has none, or more than one: a program must not take one of them
   * for the identity. It is read from the parsed subject: a text of the form `CN=…` within another part, or within the
   * common name, is no name. A name in `subjectAltName` is the better one for programs (RFC 9525).
   */
  get commonName(): string | undefined {
    // Node types it as a text, and gives a list for several.
    const name = this.x509.toLegacyObject().subject.CN as string | readonly string[] | undefined;
    return typeof name === 'string' ? name : undefined;
  }

  /** The authority that has signed the certificate, for people. */
  get issuer(): string {
    return inOneLine(this.x509.issuer);
  }

  /** The names for programs, by kind. */
  get subjectAltName(): SubjectAltName {
    return parseSubjectAltName(this.x509.subjectAltName ?? '');
  }

  get validFrom(): Date {
    return new Date(this.x509.validFrom);
  }

  get validTo(): Date {
    return new Date(this.x509.validTo);
  }

  /** The SHA-256 of the certificate: 32 pairs of hexadecimal digits with colons between. */
  get fingerprint256(): string {
    return this.x509.fingerprint256;
  }

  /** In hexadecimal digits. It is unique for one authority. */
  get serialNumber(): string {
    return this.x509.serialNumber;
  }
}

/** Node puts each part of a name into a line of its own; line breaks within a part are escaped. */
function inOneLine(name: string): string {
  return name.replaceAll('\n', ', ');
}
