import { type Address } from '../../address';
import { requireObject, requireOptionalFunction, requireWholeNumber } from '../../arguments';
import { requireWaitOptions } from '../../async/deadlines';
import { type PeerSocket } from '../peer_socket';
import { type RefusalReason } from './counters';

/**
 * Serves one connection. When it returns, or when the promise that it returns settles, the connection is closed, if the
 * handler has not done that.
 */
export type ConnectionHandler = (peer: PeerSocket) => unknown;

/** The options of `ListenSocket.serve`. Every limit is a whole number, at least 1; default: no limit. */
export interface ServeOptions {
  /** The number of connections at once. */
  readonly maxConnections?: number | undefined;
  /** The number of connections at once from one IPv4 address, or from one /64 prefix of IPv6. */
  readonly maxPerAddress?: number | undefined;
  /**
   * The number of new connections a second from one IPv4 address, or from one /64 prefix of IPv6 (token bucket). More
   * than 0; it need not be whole.
   */
  readonly connectsPerSecond?: number | undefined;
  /** With `connectsPerSecond`: the number of new connections at once. Default: as many as in a second, at least 1. */
  readonly connectBurst?: number | undefined;
  /**
   * A rule of the program: called for each new connection within `maxConnections`, before the limits by address. `false`
   * refuses it. It must not throw. `remoteAddress` is undefined for a stream without one.
   */
  readonly admit?: ((remoteAddress: Address | undefined) => boolean) | undefined;
  /** Closes the listener when it fires. The handlers go on: those that shall end get the signal too, by the program. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called with the error of a handler and its connection, or with an `AcceptFailedError`. It must not throw. Default:
   * errors of the connection (`SocketError`) are only counted; all others are warnings of the process.
   */
  readonly onError?: ((error: unknown, peer: PeerSocket | undefined) => void) | undefined;
  /**
   * Called for each refused connection, to answer it, or to log it. When it returns, or its promise settles, the
   * connection is closed. Default: refused connections are reset.
   */
  readonly onRefused?: ((refusal: Refusal) => unknown) | undefined;
  /** The number of refused connections that are answered at once; further ones are reset. Default: 256. */
  readonly maxRefusing?: number | undefined;
  /**
   * The number of refused connections a second of one IPv4 address, or of one /64 prefix of IPv6, that are answered (token
   * bucket, which holds `maxRefusing`); further ones are reset, over TLS without a handshake. More than 0; it need not be
   * whole. Default: no limit.
   */
  readonly answersPerSecond?: number | undefined;
}

/** A refused connection. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly remoteAddress: Address | undefined;
  /**
   * The connection; undefined if it was reset: there are too many others (`maxRefusing`,
   * `answersPerSecond`), or it was refused on its way
   * (PROXY header, TLS handshake).
   */
  readonly peer: PeerSocket | undefined;
}

const DEFAULT_MAX_REFUSING = 256;

/** The options with their defaults. */
export type ServeSettings = ServeOptions & { readonly maxConnections: number; readonly maxRefusing: number };

/** @throws TypeError, RangeError the handler or an option cannot be used. */
export function serveSettings(handler: ConnectionHandler, options: ServeOptions): ServeSettings {
  if (typeof handler !== 'function') throw new TypeError('handler must be a function');
  requireObject('options', options);
  requireWholeNumber('maxConnections', options.maxConnections ?? 1, 1);
  requireWholeNumber('maxPerAddress', options.maxPerAddress ?? 1, 1);
  requireWholeNumber('maxRefusing', options.maxRefusing ?? DEFAULT_MAX_REFUSING, 0);
  requireRate('connectsPerSecond', options.connectsPerSecond ?? 1);
  requireRate('answersPerSecond', options.answersPerSecond ?? 1);
  requireWholeNumber('connectBurst', options.connectBurst ?? 1, 1);
  requireOptionalFunction('admit', options.admit);
  requireOptionalFunction('onError', options.onError);
  requireOptionalFunction('onRefused', options.onRefused);
  requireWaitOptions({ signal: options.signal });
  return {
    ...options,
    maxConnections: options.maxConnections ?? Infinity,
    maxRefusing: options.maxRefusing ?? DEFAULT_MAX_REFUSING,
  };
}

function requireRate(name: string, perSecond: number): void {
  if (Number.isFinite(perSecond) && perSecond > 0) return;
  throw new RangeError(`${name} must be a number of more than 0, but is ${String(perSecond)}`);
}
