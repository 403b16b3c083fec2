import { type HandshakeFailure, type TlsInfo } from '../../../lib/index';
import { certifiedAgency } from '../../protocol/certified_agency';
import { ProtocolError } from '../../protocol/protocol_error';

/** Why a certificate is refused: by a check of TLS, or `no-agency` for one that is not of exactly one agency. */
export type CertificateFault = HandshakeFailure | 'no-agency';

/** A refused certificate of a connection. */
export interface RefusedCertificate {
  readonly fault: CertificateFault;
  readonly refusal: ProtocolError;
}

/** OpenSSL's codes for a certificate of an authority that is not in SERVER_TLS_CLIENT_CA_FILE, or with a wrong signature. */
const UNKNOWN_AUTHORITY = /ISSUER|SELF_SIGNED|SIGNATURE|UNTRUSTED/;

/**
 * Checks the certificate of an agency behind the handshake. Node can refuse a certificate in the handshake only without a
 * TLS alert, which an agency cannot tell from a lost connection; here the `E` names the reason, and it is final.
 *
 * @returns the agency of the certificate, or the reason to refuse the connection.
 */
export function checkCertificate(tls: TlsInfo | undefined): number | RefusedCertificate {
  if (tls?.peerCertificate === undefined) return refused('certificate-missing', 'the agency has no certificate');
  if (!tls.authorized) return unauthorized(tls.authorizationError ?? 'unknown');
  const agency = certifiedAgency(tls.peerCertificate.subjectAltName.uri);
  return agency ?? refused('no-agency', 'the certificate is not of exactly one agency');
}

function unauthorized(code: string): RefusedCertificate {
  if (code === 'CERT_HAS_EXPIRED') return refused('certificate-expired', `the certificate has expired (${code})`);
  if (code === 'CERT_NOT_YET_VALID')
    return refused('certificate-not-yet-valid', `the certificate is not valid yet (${code})`);
  if (code === 'CERT_REVOKED') return certificateRevoked();
  if (UNKNOWN_AUTHORITY.test(code)) {
    return refused('certificate-unknown-authority', `the certificate is of an unknown authority (${code})`);
  }
  return refused('certificate-invalid', `the certificate cannot be accepted (${code})`);
}

export function certificateRevoked(): RefusedCertificate {
  return refused('certificate-revoked', 'the certificate is revoked (CERT_REVOKED)');
}

export function authorityRemoved(): RefusedCertificate {
  return refused('certificate-unknown-authority', 'the authority of the certificate is accepted no longer');
}

function refused(fault: CertificateFault, detail: string): RefusedCertificate {
  return { fault, refusal: new ProtocolError('wrong-agency', detail) };
}
