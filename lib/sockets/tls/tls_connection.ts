import { isIP } from 'node:net';
import { type ConnectionOptions, type TLSSocket } from 'node:tls';

/**
 * The options of a TLS connection: those of `tls.connect` but for the target, `ca`, `cert`, `key` and `ALPNProtocols` for
 * instance.
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

/** Starts a TLS connection. `node:tls` is loaded by the first one. */
export function connectTls(
  target: { readonly host: string; readonly port: number } | { readonly path: string },
  options: TlsConnectOptions,
): TLSSocket {
  const { connect } = process.getBuiltinModule('node:tls');
  const servername = options.servername ?? ('host' in target ? serverName(target.host) : undefined);
  return connect({ ...options, servername, ...target });
}

/** A name without the dot of an absolute one, which RFC 6066 excludes. */
function serverName(host: string): string | undefined {
  return isIP(host) === 0 ? host.replace(/\.$/, '') : undefined;
}
