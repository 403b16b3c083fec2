import { type Duplex } from 'node:stream';
import { type TLSSocket } from 'node:tls';
import { PeerCertificate } from './peer_certificate';

/** A TLS connection after its handshake. It stays the same after the end of the connection. */
export interface TlsInfo {
  /** Whether the certificate of the peer was verified. On a server it is false without `requestCert`. */
  readonly authorized: boolean;
  /**
   * Why the certificate of the peer was not verified, by the code of Node or OpenSSL: `CERT_HAS_EXPIRED` for instance. Only
   * with `rejectUnauthorized: false`: without it such a handshake fails. Undefined if there was nothing to verify.
   */
  readonly authorizationError: string | undefined;
  /** Undefined if the peer has none, and on a server without `requestCert`. */
  readonly peerCertificate: PeerCertificate | undefined;
  /** `TLSv1.3` or `TLSv1.2`. */
  readonly protocol: string;
  /** The name of the cipher suite by the IANA: `TLS_AES_256_GCM_SHA384` for instance. */
  readonly cipher: string;
  /** The protocol that both sides have agreed on (ALPN, RFC 7301). */
  readonly alpnProtocol: string | undefined;
  /** The name that the client has sent (SNI, RFC 6066 section 3). */
  readonly serverName: string | undefined;
}

/** The property of a TLS stream that holds its `TlsInfo`: plain connections pay nothing for it. */
const INFO = Symbol('TLS info');

/** Keeps the result of a handshake, which Node drops at the end of the connection. Does nothing for other streams. */
export function keepTlsInfo(stream: Duplex): void {
  if (isSecure(stream)) (stream as { [INFO]?: TlsInfo })[INFO] = infoOf(stream);
}

/** The result of the handshake; undefined without TLS, and without a stream. */
export function tlsInfoOf(stream: Duplex | undefined): TlsInfo | undefined {
  return (stream as { [INFO]?: TlsInfo } | undefined)?.[INFO];
}

/** Whether a stream is a `tls.TLSSocket` that is not destroyed. (`node:tls` is not loaded for the test.) */
function isSecure(stream: Duplex): stream is TLSSocket {
  return 'encrypted' in stream && 'getPeerCertificate' in stream && !stream.destroyed;
}

function infoOf(secure: TLSSocket): TlsInfo {
  // On a client, getPeerX509Certificate would take the certificate out of the chain, and give it only once.
  const { raw } = secure.getPeerCertificate() as { raw?: Buffer };
  // Node's types say Error, and know no server name.
  const { authorizationError, servername } = secure as {
    authorizationError: unknown;
    servername?: string | false | null;
  };
  return {
    authorized: secure.authorized,
    authorizationError: typeof authorizationError === 'string' ? authorizationError : undefined,
    peerCertificate: raw === undefined ? undefined : new PeerCertificate(raw),
    protocol: secure.getProtocol() ?? 'unknown',
    cipher: secure.getCipher().standardName,
    alpnProtocol: secure.alpnProtocol || undefined,
    serverName: servername || undefined,
  };
}
