import { formatAddress } from '../../address';
import { describeCause, type Endpoints, type Operation, SocketError } from '../../errors';

/**
 * Why a TLS handshake has failed, for programs.
 *
 * - The certificate of the peer: `certificate-missing`, `certificate-expired`, `certificate-not-yet-valid`,
 *   `certificate-revoked` (by a list in the option `crl`), `certificate-wrong-name` (the name of the server is not in
 *   it), `certificate-unknown-authority` (no authority of this side has signed it, or its signature is forged),
 *   `certificate-invalid` (another check, of the revocation list itself for instance).
 * - The certificate of this side: `certificate-refused`, by an alert of the peer.
 * - The peer: `not-tls` (it sent other bytes), `ended` (it ended or reset the connection; a peer that refuses the
 *   certificate of this side may do that without an alert), `timeout`.
 * - No agreement: `protocol-version`, `application-protocol` (ALPN), `no-agreement` (ciphers, kinds of keys; or a server
 *   without a certificate).
 */
export type HandshakeFailure =
  | 'certificate-missing'
  | 'certificate-expired'
  | 'certificate-not-yet-valid'
  | 'certificate-revoked'
  | 'certificate-wrong-name'
  | 'certificate-unknown-authority'
  | 'certificate-invalid'
  | 'certificate-refused'
  | 'not-tls'
  | 'ended'
  | 'timeout'
  | 'protocol-version'
  | 'application-protocol'
  | 'no-agreement'
  | 'other';

/** A TLS handshake failed, and the connection with it. `cause` is the error of Node or OpenSSL, if there was one. */
export class HandshakeFailedError extends SocketError {
  readonly code = 'HANDSHAKE_FAILED';

  /** @param problem continues "the TLS handshake …". */
  constructor(
    operation: 'connect' | 'accept' | 'start TLS',
    endpoints: Endpoints,
    readonly reason: HandshakeFailure,
    problem: string,
    cause?: unknown,
  ) {
    // The message of an `accept` begins with the address of the listener.
    const remote = operation === 'accept' ? endpoints.remote : undefined;
    const peer = remote === undefined ? '' : ` with ${formatAddress(remote)}`;
    super(operation, endpoints, `the TLS handshake${peer} ${problem}`, cause);
  }
}

/** TLS options of this side cannot be used: a file that is no PEM, a key of another certificate. */
export class TlsOptionsError extends SocketError {
  readonly code = 'UNUSABLE_TLS_OPTIONS';

  constructor(operation: Operation, endpoints: Endpoints, cause: unknown) {
    super(operation, endpoints, `the TLS options cannot be used: ${describeCause(cause)}`, cause);
  }
}

/**
 * `startTls` was called while received bytes wait that came without TLS. They would pass for bytes of TLS (RFC 3207
 * section 6, command injection): close the connection.
 */
export class UnexpectedPlaintextError extends SocketError {
  readonly code = 'UNEXPECTED_PLAINTEXT';

  constructor(
    endpoints: Endpoints,
    /** The number of bytes that wait. */
    readonly bytes: number,
  ) {
    super('start TLS', endpoints, `${bytes} bytes wait that came without TLS`);
  }
}
