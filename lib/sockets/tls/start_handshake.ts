import { type Duplex } from 'node:stream';
import { type TLSSocket } from 'node:tls';
import { type Endpoints, type SocketError } from '../../errors';
import { clientHandshakeError, handshakeError } from './handshake_failure';
import { streamForTls } from './stream_for_tls';
import { connectTls } from './tls_connection';
import { type StartTlsOptions } from './tls_options';
import { createTlsServer, refusalOf } from './tls_server';

/** The result of one handshake. The first call counts. */
export interface HandshakeOutcome {
  onDone(secure: TLSSocket): void;
  onFailed(error: SocketError): void;
}

/**
 * Starts the TLS handshake on a connected stream that is not read.
 *
 * @param host of the server, for a client: its certificate must have this name.
 * @throws TlsOptionsError
 */
export function startHandshake(
  raw: Duplex,
  options: StartTlsOptions,
  host: string | undefined,
  endpoints: Endpoints,
  outcome: HandshakeOutcome,
): void {
  const stream = streamForTls(raw);
  // An end of the peer ends the handshake.
  stream.allowHalfOpen = false;
  const onDone = (secure: TLSSocket): void => {
    stream.allowHalfOpen = true;
    outcome.onDone(secure);
  };
  if (options.isServer) {
    createTlsServer(options, 'start TLS', endpoints)
      .on('secureConnection', onDone)
      .on('tlsClientError', (error, secure) => {
        outcome.onFailed(handshakeError('start TLS', endpoints, 'client', error, refusalOf(secure)));
      })
      .emit('connection', stream);
    return;
  }
  const fail = (cause?: Error): void => outcome.onFailed(clientHandshakeError('start TLS', endpoints, cause));
  const secure = connectTls({ socket: stream, host }, options, 'start TLS', endpoints);
  secure
    .once('secureConnect', () => onDone(secure))
    .once('error', fail)
    .once('close', () => fail());
}
