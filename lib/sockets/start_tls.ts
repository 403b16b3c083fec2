import { type Duplex } from 'node:stream';
import { requireObject } from '../arguments';
import { checkWaitOptions, type WaitOptions } from '../async/deadlines';
import { Waiter } from '../async/waiter';
import { SocketClosedError, SocketStateError, TimedOutError } from '../errors';
import { type Connection, type Opening } from './connection/connection';
import { type Receiver } from './connection/receiver';
import { type Sender } from './connection/sender';
import { DEFAULT_HANDSHAKE_TIMEOUT_MS } from './listen_options';
import { UnexpectedPlaintextError } from './tls/errors';
import { startHandshake } from './tls/start_handshake';
import { keepTlsInfo } from './tls/tls_info';
import { type StartTlsOptions } from './tls/tls_options';

/** The parts of the socket that changes to TLS. */
export interface PlainSocket {
  readonly connection: Connection;
  readonly receiver: Receiver;
  readonly sender: Sender;
}

/** Changes an open connection to TLS: see `StreamSocket.startTls`. */
export async function startTls(
  socket: PlainSocket,
  options: StartTlsOptions,
  host: string | undefined,
  { timeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS, signal }: WaitOptions,
): Promise<void> {
  const { connection } = socket;
  const { endpoints } = connection;
  requireRole(options);
  checkWaitOptions('start TLS', endpoints, { timeoutMs, signal });
  requirePlainAndIdle(socket);

  const waiter = new Waiter<void>('start TLS', endpoints, { timeoutMs, signal });
  const opening: Opening = {
    onOpen: () => waiter.resolve(),
    onLost: (cause) => waiter.reject(connection.endError('start TLS', cause)),
    onClosedHere: () => waiter.reject(new SocketClosedError('start TLS', endpoints)),
  };
  const raw = connection.beginUpgrade(opening);
  try {
    startHandshake(raw, options, host, endpoints, {
      onDone: (secure) => complete(connection, secure),
      onFailed: (error) => waiter.reject(error),
    });
    await waiter.promise;
  } catch (error) {
    connection.close();
    throw error instanceof TimedOutError ? new TimedOutError('start TLS', endpoints, timeoutMs, 'handshake') : error;
  }
}

/** A handshake that is done after a close of this side has no effect. */
function complete(connection: Connection, secure: Duplex): void {
  if (connection.phase !== 'connecting') {
    secure.destroy();
    return;
  }
  keepTlsInfo(secure);
  connection.completeUpgrade(secure);
}

/** @throws SocketClosedError, SocketStateError, UnexpectedPlaintextError, the error of a loss */
function requirePlainAndIdle({ connection, receiver, sender }: PlainSocket): void {
  const { endpoints } = connection;
  connection.requireOpened('start TLS');
  if (connection.isLost) throw connection.endError('start TLS');
  const { stream } = connection;
  const problem = problemOf(stream, receiver, sender);
  if (problem !== undefined) throw new SocketStateError('start TLS', endpoints, problem);
  const plainBytes = receiver.bufferedBytes + stream.readableLength;
  if (plainBytes > 0) throw new UnexpectedPlaintextError(endpoints, plainBytes);
}

function problemOf(stream: Duplex, receiver: Receiver, sender: Sender): string | undefined {
  if ('encrypted' in stream) return 'it uses TLS already';
  if (receiver.isEnded) return 'the peer has ended its side';
  if (sender.isEnded) return 'writing was shut down';
  if (receiver.isReading) return 'a read waits';
  return sender.isSending ? 'a send waits' : undefined;
}

/** @throws TypeError */
function requireRole(options: StartTlsOptions): void {
  requireObject('options', options);
  if (typeof options.isServer !== 'boolean') throw new TypeError('isServer must be true or false');
}
