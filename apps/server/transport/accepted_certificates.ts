import { type X509Certificate } from 'node:crypto';
import { type PeerCertificate } from '../../../lib/index';
import { authorityRemoved, certificateRevoked, type RefusedCertificate } from './certificate_check';
import { identityOf, type RevocationList } from './revocation_list';

/**
 * The certificates that the present files accept. A handshake verifies a certificate by the files of its beginning; a
 * session, and a handshake that is not done, are checked by this after a change of the files. Not checked again: the end of a
 * certificate, and authorities between that of the agency and one in the file.
 */
export class AcceptedCertificates {
  /** The authorities of earlier files that are not in the present one. */
  private readonly removed: readonly X509Certificate[];

  constructor(
    private readonly authorities: readonly X509Certificate[],
    private readonly lists: readonly RevocationList[],
    before?: AcceptedCertificates,
  ) {
    const present = new Set(authorities.map(({ fingerprint256 }) => fingerprint256));
    const earlier = before === undefined ? [] : [...before.removed, ...before.authorities];
    this.removed = earlier.filter(({ fingerprint256 }) => !present.has(fingerprint256));
  }

  /** The reason to refuse a certificate that a handshake has accepted, by these files or earlier ones. */
  refusalOf(certificate: Pick<PeerCertificate, 'raw' | 'x509'>): RefusedCertificate | undefined {
    if (this.isRevoked(certificate.raw)) return certificateRevoked();
    if (this.removed.length === 0) return undefined;
    const { x509 } = certificate;
    const isOfRemoved = this.removed.some((authority) => isIssuedBy(x509, authority));
    return isOfRemoved && !this.authorities.some((authority) => isIssuedBy(x509, authority))
      ? authorityRemoved()
      : undefined;
  }

  /** A list has no other authority's certificates: those have serial numbers of their own. */
  private isRevoked(der: Buffer): boolean {
    if (this.lists.every(({ serialNumbers }) => serialNumbers.size === 0)) return false;
    const { issuer, serialNumber } = identityOf(der);
    return this.lists.some((list) => list.serialNumbers.has(serialNumber) && list.issuer === issuer);
  }
}

function isIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}
