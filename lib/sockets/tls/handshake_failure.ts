import {
  certificateAlert,
  CertificateRefusedError,
  describeCause,
  type Endpoints,
  type OpenSslError,
  type SocketError,
} from '../../errors';
import { type HandshakeFailure, HandshakeFailedError } from './errors';

/** The side of the peer. */
export type PeerRole = 'client' | 'server';

/** The code of Node, or of OpenSSL's verification of certificates (openssl-verification-options(1)), to the reason. */
const REASONS: Readonly<Record<string, HandshakeFailure>> = {
  CERT_HAS_EXPIRED: 'certificate-expired',
  CERT_NOT_YET_VALID: 'certificate-not-yet-valid',
  CERT_REVOKED: 'certificate-revoked',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate-wrong-name',
  CERT_SIGNATURE_FAILURE: 'certificate-unknown-authority',
  CERT_UNTRUSTED: 'certificate-unknown-authority',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate-unknown-authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate-unknown-authority',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate-unknown-authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate-unknown-authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate-unknown-authority',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'certificate-missing',
  ERR_SSL_HTTP_REQUEST: 'not-tls',
  ERR_SSL_HTTPS_PROXY_REQUEST: 'not-tls',
  ERR_SSL_WRONG_VERSION_NUMBER: 'not-tls',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'protocol-version',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'protocol-version',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'application-protocol',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'application-protocol',
  ERR_SSL_NO_SHARED_CIPHER: 'no-agreement',
  ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM: 'no-agreement',
  ECONNRESET: 'ended',
  EPIPE: 'ended',
};

/** The alert `handshake_failure` (RFC 8446 section 6.2), whose name in OpenSSL 3.5 differs from that in earlier ones. */
const NO_AGREEMENT = /^ERR_SSL_\S+_ALERT_HANDSHAKE_FAILURE$/;
/** Codes of a failed verification: Node has no list of them, and all others have a prefix. */
const VERIFICATION = /^(?!ERR_|E[A-Z]+$)[A-Z_]+$/;

/** The longest text of a peer in a message. */
const MOST_CHARACTERS = 200;

/** The end of the sentence "the TLS handshake failed: …". */
const WORDS: Readonly<Record<Exclude<HandshakeFailure, 'timeout' | 'other'>, (peer: PeerRole) => string>> = {
  'certificate-missing': (peer) => `the ${peer} has no certificate`,
  'certificate-expired': (peer) => `the certificate of the ${peer} has expired`,
  'certificate-not-yet-valid': (peer) => `the certificate of the ${peer} is not valid yet`,
  'certificate-revoked': (peer) => `the certificate of the ${peer} is revoked`,
  'certificate-wrong-name': (peer) => `the certificate of the ${peer} is for another name`,
  'certificate-unknown-authority': (peer) => `the certificate of the ${peer} is of an unknown authority`,
  'certificate-invalid': (peer) => `the certificate of the ${peer} cannot be accepted`,
  'certificate-refused': (peer) => `the ${peer} refused the certificate of this side`,
  'not-tls': (peer) => `the ${peer} does not speak TLS`,
  ended: (peer) => `the ${peer} ended the connection`,
  'protocol-version': (peer) => `the ${peer} and this side have no protocol version in common`,
  'application-protocol': (peer) => `the ${peer} and this side have no application protocol (ALPN) in common`,
  'no-agreement': (peer) => `the ${peer} and this side have no cipher or kind of key in common`,
};

/**
 * The error of a handshake that a peer has ended, or that has ended by an error of the stream.
 *
 * @param refusal the code for the certificate of the peer, where the verification of this side has refused it.
 */
export function handshakeError(
  operation: 'connect' | 'accept' | 'start TLS',
  endpoints: Endpoints,
  peer: PeerRole,
  cause: unknown,
  refusal?: string,
): HandshakeFailedError {
  const reason = refusal === undefined ? reasonOf(cause) : reasonOfCode(refusal);
  return new HandshakeFailedError(
    operation,
    endpoints,
    reason,
    `failed: ${describe(reason, peer, cause, refusal)}`,
    cause,
  );
}

/** As `handshakeError`, for a client, to which a refused certificate is the same error before and after `connect`. */
export function clientHandshakeError(
  operation: 'connect' | 'start TLS',
  endpoints: Endpoints,
  cause: unknown,
): SocketError {
  const alert = certificateAlert(cause);
  if (alert !== undefined) return new CertificateRefusedError(operation, endpoints, alert, cause);
  return handshakeError(operation, endpoints, 'server', cause);
}

function reasonOf(cause: unknown): HandshakeFailure {
  if (cause === undefined) return 'ended';
  if (certificateAlert(cause) !== undefined) return 'certificate-refused';
  return reasonOfCode((cause as OpenSslError).code ?? '');
}

function reasonOfCode(code: string): HandshakeFailure {
  const reason = REASONS[code];
  if (reason !== undefined) return reason;
  if (NO_AGREEMENT.test(code)) return 'no-agreement';
  return VERIFICATION.test(code) ? 'certificate-invalid' : 'other';
}

function describe(reason: HandshakeFailure, peer: PeerRole, cause: unknown, refusal: string | undefined): string {
  if (reason === 'other' || reason === 'timeout') return describeCause(cause);
  const words = WORDS[reason](peer);
  if (reason === 'ended') return words;
  return `${words} (${refusal ?? detailsOf(reason, cause as OpenSslError)})`;
}

function detailsOf(reason: HandshakeFailure, cause: OpenSslError): string {
  if (reason === 'certificate-refused') return certificateAlert(cause)!;
  // The names in the certificate, of which a hostile server may have any number.
  if (reason === 'certificate-wrong-name') return `${cause.code}: ${shorten(describeCause(cause.reason))}`;
  return cause.code!;
}

function shorten(text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}…`;
}
