import { type Server, type TLSSocket } from 'node:tls';
import { type Endpoints, type Operation } from '../../errors';
import { TlsOptionsError } from './errors';
import { type TlsListenOptions } from './tls_options';

/** Node's time limit, beyond every one of a listener. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * A server for TLS handshakes, which does not listen: Node documents its event `connection` as the way to give it a
 * connection. Its events `secureConnection` and `tlsClientError` give the result. The first one loads `node:tls`.
 *
 * @throws TlsOptionsError
 */
export function createTlsServer(options: TlsListenOptions, operation: Operation, endpoints: Endpoints): Server {
  const { resumption, ...tls } = options;
  try {
    const { createServer } = process.getBuiltinModule('node:tls');
    const secureOptions = (tls.secureOptions ?? 0) | (resumption === true ? 0 : noTickets());
    return createServer({ ...tls, secureOptions, handshakeTimeout: LONGEST_TIMER_MS });
  } catch (unusable) {
    throw new TlsOptionsError(operation, endpoints, unusable);
  }
}

/** Without tickets there is no resumption: Node has no cache of sessions of its own. */
function noTickets(): number {
  return process.getBuiltinModule('node:crypto').constants.SSL_OP_NO_TICKET;
}

/** The code for which the certificate of a client was refused, in the event `tlsClientError`. */
export function refusalOf(secure: TLSSocket): string | undefined {
  // Node's types say Error.
  const { authorizationError } = secure as { readonly authorizationError: unknown };
  return typeof authorizationError === 'string' ? authorizationError : undefined;
}
