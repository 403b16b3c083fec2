import { type Address, formatAddress } from './address';

/** What was being done when a call failed. */
export type Operation = 'connect' | 'listen' | 'accept' | 'receive' | 'send' | 'shut down writing';

/** The endpoints of the connection that an error speaks of, as far as they are known. */
export interface Endpoints {
  readonly local?: Address | undefined;
  readonly remote?: Address | undefined;
}

/**
 * The base of every error that a socket throws. `code` is stable and made for programs, the message is for people:
 * it says what was being done, to whom, and what went wrong. The error of the system, where there is one, is the
 * `cause`.
 */
export abstract class SocketError extends Error {
  abstract readonly code: string;
  readonly operation: Operation;
  readonly local: Address | undefined;
  readonly remote: Address | undefined;

  protected constructor(operation: Operation, endpoints: Endpoints, problem: string, cause?: unknown) {
    super(
      `${operation}${describeEndpoints(operation, endpoints)}: ${problem}`,
      cause === undefined ? undefined : { cause },
    );
    this.name = new.target.name;
    this.operation = operation;
    this.local = endpoints.local;
    this.remote = endpoints.remote;
  }
}

/** The connection could not be made: refused, unreachable, name unknown. `cause` is the system's error. */
export class ConnectFailedError extends SocketError {
  readonly code = 'CONNECT_FAILED';

  constructor(endpoints: Endpoints, cause: unknown) {
    super('connect', endpoints, describeCause(cause), cause);
  }
}

/** The address could not be bound or listened on: in use, not permitted, not local. `cause` is the system's error. */
export class ListenFailedError extends SocketError {
  readonly code = 'LISTEN_FAILED';

  constructor(endpoints: Endpoints, cause: unknown) {
    super('listen', endpoints, describeCause(cause), cause);
  }
}

/** One connection could not be accepted (out of file descriptors, say); the listener goes on. */
export class AcceptFailedError extends SocketError {
  readonly code = 'ACCEPT_FAILED';

  constructor(endpoints: Endpoints, cause: unknown) {
    super('accept', endpoints, describeCause(cause), cause);
  }
}

/** This end closed the socket: before the call, or while it waited. */
export class SocketClosedError extends SocketError {
  readonly code = 'SOCKET_CLOSED';

  constructor(operation: Operation, endpoints: Endpoints) {
    super(operation, endpoints, 'the socket is closed');
  }
}

/** The connection broke: reset by the peer, timed out in the network, destroyed from below. */
export class ConnectionLostError extends SocketError {
  readonly code = 'CONNECTION_LOST';

  constructor(
    operation: Operation,
    endpoints: Endpoints,
    cause?: unknown,
    /** For a read: how many of the bytes that it needed had come; they stay to be read. */
    readonly progress?: { readonly received: number; readonly expected: number },
  ) {
    const reason = cause === undefined ? '' : ` (${describeCause(cause)})`;
    const point = progress === undefined ? '' : ` after ${progress.received} of ${progress.expected} bytes`;
    super(operation, endpoints, `the connection was lost${point}${reason}`, cause);
  }
}

/** The peer ended its side in the middle of what was being read. What had come stays readable. */
export class UnexpectedEofError extends SocketError {
  readonly code = 'UNEXPECTED_EOF';

  constructor(
    endpoints: Endpoints,
    /** Bytes that had come, counted from where this read began. */
    readonly received: number,
    /** Bytes that this read needed; for a frame whose header is not complete, the header's size. */
    readonly expected: number,
  ) {
    super('receive', endpoints, `the peer ended after ${received} of ${expected} bytes`);
  }
}

/** The call's time was up. For a read: no byte was taken, the next read starts where this one would have. */
export class TimedOutError extends SocketError {
  readonly code = 'TIMED_OUT';

  constructor(
    operation: Operation,
    endpoints: Endpoints,
    /** The limit that was exceeded, in milliseconds. */
    readonly timeoutMs: number,
    /** Which clock ran out: the whole call's, the wait for the first byte, or a message's from first byte to last. */
    readonly clock: 'call' | 'idle' | 'message' = 'call',
  ) {
    super(operation, endpoints, `timed out after ${timeoutMs} ms${CLOCK_WORDS[clock]}`);
  }
}

const CLOCK_WORDS = { call: '', idle: ' without a byte', message: ' in the middle of a message' } as const;

/** The caller's `AbortSignal` fired; `cause` is its reason. For a read: no byte was taken. */
export class AbortedError extends SocketError {
  readonly code = 'ABORTED';

  constructor(operation: Operation, endpoints: Endpoints, reason: unknown) {
    super(operation, endpoints, 'aborted by the caller', reason);
  }
}

/** A second read while one waits: which bytes it would get could not be said. */
export class ConcurrentReadError extends SocketError {
  readonly code = 'CONCURRENT_READ';

  constructor(endpoints: Endpoints) {
    super('receive', endpoints, 'another read is waiting already');
  }
}

/** A call that this socket's state does not allow: reading before `connect`, sending after `shutdownWrite`. */
export class SocketStateError extends SocketError {
  readonly code = 'WRONG_STATE';

  constructor(operation: Operation, endpoints: Endpoints, problem: string) {
    super(operation, endpoints, problem);
  }
}

/** `recvUntil` met its limit before the delimiter. No byte was taken. */
export class DelimiterNotFoundError extends SocketError {
  readonly code = 'DELIMITER_NOT_FOUND';

  constructor(
    endpoints: Endpoints,
    /** How many bytes were allowed, the delimiter included. */
    readonly limit: number,
  ) {
    super('receive', endpoints, `no delimiter within ${limit} bytes`);
  }
}

function describeEndpoints(operation: Operation, endpoints: Endpoints): string {
  if (operation === 'listen' || operation === 'accept') {
    return endpoints.local === undefined ? '' : ` on ${formatAddress(endpoints.local)}`;
  }
  if (endpoints.remote === undefined) return '';
  const preposition = operation === 'receive' ? 'from' : 'to';
  return ` ${preposition} ${formatAddress(endpoints.remote)}`;
}

/** Several attempts (RFC 8305, "happy eyeballs") fail with an AggregateError whose own message is empty. */
function describeCause(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0) {
    return cause.errors.map((each) => describeCause(each)).join('; ');
  }
  if (!(cause instanceof Error)) return String(cause);
  return cause.message !== '' ? cause.message : ((cause as NodeJS.ErrnoException).code ?? cause.name);
}
