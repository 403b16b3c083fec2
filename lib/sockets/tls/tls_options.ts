import { type TlsOptions } from 'node:tls';
import { requireObject } from '../../arguments';

/**
 * The options of TLS on the side of a server: those of `tls.createServer` that concern TLS. `key` and `cert` are the
 * identity of the server. With `requestCert` a client must have a certificate of one of the authorities in `ca`.
 */
export type TlsListenOptions = Omit<TlsOptions, OptionsOfConnections>;

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

/** @throws TypeError the options are not an object. */
export function requireTlsOptions(options: unknown): void {
  if (options !== undefined) requireObject('tls', options);
}
