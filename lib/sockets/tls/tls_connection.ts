import { isIP } from 'node:net';
import { type Duplex } from 'node:stream';
import { type TLSSocket } from 'node:tls';
import { type Endpoints, type Operation } from '../../errors';
import { TlsOptionsError } from './errors';
import { type TlsConnectOptions } from './tls_options';

/** The address of a server, or a stream that is connected to it and the name that its certificate must have. */
export type TlsTarget =
  | { readonly host: string; readonly port: number }
  | { readonly path: string }
  | { readonly socket: Duplex; readonly host?: string | undefined };

/**
 * Starts a TLS connection. The first one loads `node:tls`.
 *
 * @throws TlsOptionsError
 */
export function connectTls(
  target: TlsTarget,
  options: TlsConnectOptions,
  operation: Operation,
  endpoints: Endpoints,
): TLSSocket {
  const host = 'host' in target ? target.host : undefined;
  const servername = options.servername ?? (host === undefined ? undefined : serverName(host));
  try {
    const { connect } = process.getBuiltinModule('node:tls');
    return connect({ ...options, servername, ...target });
  } catch (unusable) {
    throw new TlsOptionsError(operation, endpoints, unusable);
  }
}

/** A name without the dot of an absolute one, which RFC 6066 excludes. */
function serverName(host: string): string | undefined {
  return isIP(host) === 0 ? host.replace(/\.$/, '') : undefined;
}
