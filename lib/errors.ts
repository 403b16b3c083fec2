import { type Address, formatAddress } from './address';

/** The operation that failed. */
export type Operation =
  | 'connect'
  | 'listen'
  | 'accept'
  | 'receive'
  | 'send'
  | 'drain'
  | 'shut down writing'
  | 'stay connected'
  | 'pipe'
  | 'call'
  | 'start TLS'
  | 'set the TLS context';

/** The addresses of a connection, as far as they are known. */
export interface Endpoints {
  readonly local?: Address | undefined;
  readonly remote?: Address | undefined;
}

/** The base of every error of the library that is not a mistake in a call: of sockets, and of codecs. */
export abstract class SockwrightError extends Error {
  /** Stable, for programs; each class that is not abstract has its own. */
  abstract readonly code: string;

  protected constructor(message: string, cause: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
  }
}

/**
 * The base of every error that a socket throws. `code` is stable, for programs. The message is for people: the operation,
 * the peer and the problem. The error of the system, if there is one, is the `cause`.
 */
export abstract class SocketError extends SockwrightError {
  readonly operation: Operation;
  readonly local: Address | undefined;
  readonly remote: Address | undefined;

  protected constructor(operation: Operation, endpoints: Endpoints, problem: string, cause?: unknown) {
    super(`${operation}${describeEndpoints(operation, endpoints)}: ${problem}`, cause);
    this.operation = operation;
    this.local = endpoints.local;
    this.remote = endpoints.remote;
  }
}

/** No connection was made: refused, unreachable, unknown name. `cause` is the system's error. */
export class ConnectFailedError extends SocketError {
  readonly code = 'CONNECT_FAILED';

  constructor(endpoints: Endpoints, cause: unknown) {
    super('connect', endpoints, describeCause(cause), cause);
  }
}

/** The listener could not listen: address in use, not permitted, not local. `cause` is the system's error. */
export class ListenFailedError extends SocketError {
  readonly code = 'LISTEN_FAILED';

  constructor(endpoints: Endpoints, cause: unknown) {
    super('listen', endpoints, describeCause(cause), cause);
  }
}

/** One connection could not be accepted, for lack of file descriptors for instance. The listener goes on. */
export class AcceptFailedError extends SocketError {
  readonly code = 'ACCEPT_FAILED';

  constructor(endpoints: Endpoints, cause: unknown) {
    super('accept', endpoints, describeCause(cause), cause);
  }
}

/** A connection was reset, since its proxy sent no PROXY header in time, or one that cannot be used. */
export class ProxyHeaderRefusedError extends SocketError {
  readonly code = 'PROXY_HEADER_REFUSED';

  /** @param problem continues "the PROXY header …". */
  constructor(endpoints: Endpoints, problem: string, cause?: unknown) {
    const peer = endpoints.remote === undefined ? '' : ` of ${formatAddress(endpoints.remote)}`;
    super('accept', endpoints, `the PROXY header${peer} ${problem}`, cause);
  }
}

/** This side closed the socket, before the call or while it waited. */
export class SocketClosedError extends SocketError {
  readonly code = 'SOCKET_CLOSED';
  /** Private to the language, so that no log prints it beside the addresses. */
  readonly #endpoints: Endpoints;

  constructor(operation: Operation, endpoints: Endpoints) {
    super(operation, endpoints, 'the socket is closed');
    this.#endpoints = endpoints;
  }

  /**
   * Whether the error is of the connection that has this very object of addresses. Their values do not tell: two Unix
   * sockets have the same.
   *
   * @internal
   */
  isOf(endpoints: Endpoints): boolean {
    return this.#endpoints === endpoints;
  }
}

/** The connection was lost: reset by the peer, timed out in the network, or destroyed below the socket. */
export class ConnectionLostError extends SocketError {
  readonly code = 'CONNECTION_LOST';

  constructor(
    operation: Operation,
    endpoints: Endpoints,
    cause?: unknown,
    /** For a read: the number of bytes that it needed, and that had come. These can still be received. */
    readonly progress?: { readonly received: number; readonly expected: number },
  ) {
    const reason = cause === undefined ? '' : ` (${describeCause(cause)})`;
    const point = progress === undefined ? '' : ` after ${progress.received} of ${progress.expected} bytes`;
    super(operation, endpoints, `the connection was lost${point}${reason}`, cause);
  }
}

/**
 * The peer has refused the certificate of this side, or misses one, by a TLS alert. With TLS 1.3 a client gets it after
 * `connect`, at a later call. A close without an alert looks like a loss.
 */
export class CertificateRefusedError extends SocketError {
  readonly code = 'CERTIFICATE_REFUSED';

  constructor(
    operation: Operation,
    endpoints: Endpoints,
    /** The alert of RFC 8446 section 6.2: `certificate required` or `unknown ca`, for instance. */
    readonly alert: string,
    cause?: unknown,
  ) {
    super(operation, endpoints, `the peer refused the certificate of this side (${alert})`, cause);
  }
}

/** The peer ended its side within the unit that was being read. The bytes that had come can still be received. */
export class UnexpectedEofError extends SocketError {
  readonly code = 'UNEXPECTED_EOF';

  constructor(
    endpoints: Endpoints,
    /** The number of bytes that had come since the read began. */
    readonly received: number,
    /** The number of bytes that the read needed; for a frame whose length was not known yet, those that it needed next. */
    readonly expected: number,
  ) {
    super('receive', endpoints, `the peer ended after ${received} of ${expected} bytes`);
  }
}

/** A time limit was exceeded. A read has taken no byte: the next one begins where it began. */
export class TimedOutError extends SocketError {
  readonly code = 'TIMED_OUT';

  constructor(
    operation: Operation,
    endpoints: Endpoints,
    /** The limit, in milliseconds. */
    readonly timeoutMs: number,
    /**
     * The clock: of the whole call, until the first byte, or from the first byte of a message to its last. `handshake`
     * is the clock of the whole call too, which ended within the TLS handshake.
     */
    readonly clock: 'call' | 'idle' | 'message' | 'handshake' = 'call',
  ) {
    super(operation, endpoints, `timed out after ${timeoutMs} ms${CLOCK_WORDS[clock]}`);
  }
}

const CLOCK_WORDS = {
  call: '',
  idle: ' without a byte',
  message: ' in the middle of a message',
  handshake: ' in the TLS handshake',
} as const;

/** The `AbortSignal` of the call fired; `cause` is its reason. A read has taken no byte. */
export class AbortedError extends SocketError {
  readonly code = 'ABORTED';

  constructor(operation: Operation, endpoints: Endpoints, reason: unknown) {
    super(operation, endpoints, 'aborted by the caller', reason);
  }
}

/** A second read while one waits. */
export class ConcurrentReadError extends SocketError {
  readonly code = 'CONCURRENT_READ';

  constructor(endpoints: Endpoints) {
    super('receive', endpoints, 'another read is waiting already');
  }
}

/** A call that the socket's state does not allow: a read before `connect`, a send after `shutdownWrite`. */
export class SocketStateError extends SocketError {
  readonly code = 'WRONG_STATE';

  constructor(operation: Operation, endpoints: Endpoints, problem: string) {
    super(operation, endpoints, problem);
  }
}

/** There was no delimiter within the limit of `recvUntil`. No byte was taken. */
export class DelimiterNotFoundError extends SocketError {
  readonly code = 'DELIMITER_NOT_FOUND';

  constructor(
    endpoints: Endpoints,
    /** The limit in bytes, the delimiter included. */
    readonly limit: number,
  ) {
    super('receive', endpoints, `no delimiter within ${limit} bytes`);
  }
}

/** A pipe between two sockets has failed, and both were reset. `cause` is the error of the side that failed. */
export class PipeFailedError extends SocketError {
  readonly code = 'PIPE_FAILED';

  constructor(
    endpoints: Endpoints,
    /** The socket that failed, `a` or `b` of the call. `both` after an idle timeout to which both have contributed. */
    readonly side: 'a' | 'b' | 'both',
    /** The number of bytes that had been sent on until then. */
    readonly piped: { readonly aToB: number; readonly bToA: number },
    cause: unknown,
  ) {
    super(
      'pipe',
      endpoints,
      `${side === 'both' ? 'both sides' : `side ${side}`} failed: ${describeCause(cause)}`,
      cause,
    );
  }
}

/** The connection ended before the response to a call, by the peer or by a loss. `cause` is the error that ended it. */
export class CallLostError extends SocketError {
  readonly code = 'CALL_LOST';

  constructor(
    endpoints: Endpoints,
    /** Whether the request may have been carried out. False: it was not sent, and can be sent again. */
    readonly wasSent: boolean,
    cause?: unknown,
  ) {
    const reason = cause === undefined ? 'the peer has ended the connection' : describeCause(cause);
    super('call', endpoints, `${wasSent ? 'no response' : 'not sent'}: ${reason}`, cause);
  }
}

/** The error of a call on a connection that was lost. */
export function lossError(
  operation: Operation,
  endpoints: Endpoints,
  cause: unknown,
  progress?: ConnectionLostError['progress'],
): SocketError {
  const alert = certificateAlert(cause);
  if (alert !== undefined) return new CertificateRefusedError(operation, endpoints, alert, cause);
  return new ConnectionLostError(operation, endpoints, cause, progress);
}

const CERTIFICATE_ALERT = /^\S+ alert ((?:bad|unsupported) certificate|certificate \w+|unknown ca|access denied)$/;

/** The alert about the certificate of this side, in OpenSSL's words; undefined for any other cause. */
export function certificateAlert(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  return CERTIFICATE_ALERT.exec((cause as OpenSslError).reason ?? '')?.[1];
}

const PREPOSITIONS = {
  connect: 'to',
  receive: 'from',
  send: 'to',
  drain: 'to',
  'shut down writing': 'to',
  'stay connected': 'to',
  call: 'to',
  'start TLS': 'with',
} as const;

function describeEndpoints(operation: Operation, endpoints: Endpoints): string {
  if (operation === 'listen' || operation === 'accept' || operation === 'set the TLS context') {
    return endpoints.local === undefined ? '' : ` on ${formatAddress(endpoints.local)}`;
  }
  if (endpoints.remote === undefined || operation === 'pipe') return '';
  return ` ${PREPOSITIONS[operation]} ${formatAddress(endpoints.remote)}`;
}

/**
 * A cause in one line. Several attempts to connect (RFC 8305, "happy eyeballs") fail with an AggregateError, whose own
 * message is empty. The message of an OpenSSL error ends with a line break and names a line of OpenSSL's source.
 */
export function describeCause(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0) {
    return cause.errors.map((each) => describeCause(each)).join('; ');
  }
  if (!(cause instanceof Error)) return inOneLine(String(cause));
  const { message, code, name, library, reason } = cause as OpenSslError;
  if (library !== undefined && reason !== undefined) return `${reason} (${code ?? library})`;
  return message !== '' ? inOneLine(message) : (code ?? name);
}

/** An error of Node from OpenSSL's error queue (docs of Node, "OpenSSL error properties"). */
export interface OpenSslError extends Error {
  readonly code?: string;
  readonly library?: string;
  readonly reason?: string;
}

function inOneLine(text: string): string {
  return text.trim().replace(/\s*[\r\n]+\s*/g, ' ');
}
