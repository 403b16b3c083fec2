import { type ConnectionOptions, type TlsOptions } from 'node:tls';
import { requireObject, requireOptionalBoolean } from '../../arguments';

/**
 * The options of TLS on the side of a server: those of `tls.createServer` that concern TLS. `key` and `cert` are the
 * identity of the server. With `requestCert` a client must have a certificate that one of the authorities in `ca` has
 * signed, and that `crl` does not revoke.
 */
export interface TlsListenOptions extends Omit<TlsOptions, OptionsOfConnections> {
  /**
   * Whether a client may resume an earlier session (RFC 8446 section 2.2) in place of a whole handshake. Its certificate
   * is not verified again then. Default: false.
   */
  readonly resumption?: boolean | undefined;
}

/** Options of `tls.createServer` that the listener has itself, or that have no effect there. */
type OptionsOfConnections =
  | 'allowHalfOpen'
  | 'blockList'
  | 'handshakeTimeout'
  | 'highWaterMark'
  | 'keepAlive'
  | 'keepAliveInitialDelay'
  | 'noDelay'
  | 'pauseOnConnect'
  | 'secureContext';

/**
 * The options of TLS on the side of a client: those of `tls.connect` but for the target, `ca`, `cert`, `key` and
 * `ALPNProtocols` for instance.
 */
export interface TlsConnectOptions extends Omit<
  ConnectionOptions,
  'host' | 'port' | 'path' | 'socket' | 'allowHalfOpen' | 'lookup' | 'timeout'
> {
  /**
   * The name of the server, which is sent to it (SNI, RFC 6066 section 3) and must be in its certificate. Default: the
   * host, if that is a name; an IP address must be in the certificate and is not sent.
   */
  readonly servername?: string | undefined;
}

/** The options of `startTls`: those of a server or of a client, and which of the two this end is. */
export type StartTlsOptions =
  (TlsListenOptions & { readonly isServer: true }) | (TlsConnectOptions & { readonly isServer: false });

/** @throws TypeError an option is of the wrong type. Node checks those that it knows. */
export function requireTlsOptions(options: TlsListenOptions | undefined): void {
  if (options === undefined) return;
  requireObject('tls', options);
  requireOptionalBoolean('resumption', options.resumption);
}
