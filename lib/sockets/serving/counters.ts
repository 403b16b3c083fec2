/**
 * Why a listener has refused a connection: the option that has refused it (`maxProxyHeaders`: `maxWaiting` of
 * `proxyProtocol`), or
 *
 * - `proxyHeader`: a trusted proxy sent no PROXY header in time, or one that cannot be used;
 * - `untrustedProxy`: it came from another address than those of the trusted proxies;
 * - `lost`: `serve` only: it was reset before it could be accepted, so it has no address, and no limit by address holds;
 * - `listenerClosed`: it was on its way to the program when the listener was closed.
 */
export type RefusalReason =
  | 'maxWaiting'
  | 'maxHandshaking'
  | 'maxConnections'
  | 'admit'
  | 'maxPerAddress'
  | 'connectsPerSecond'
  | 'proxyHeader'
  | 'maxProxyHeaders'
  | 'untrustedProxy'
  | 'lost'
  | 'listenerClosed';

/** The counters of a listener at one moment. */
export interface ListenerCounters {
  /** Connections that were given to an `accept`, or to the handler of `serve`. */
  readonly accepted: number;
  /** Connections whose handlers run. */
  readonly active: number;
  /** Handlers that have failed, those of refused connections included. */
  readonly handlersFailed: number;
  /** Failures of accept(2). */
  readonly acceptsFailed: number;
  /** TLS handshakes that failed, by the time limit too. */
  readonly handshakesFailed: number;
  /** Connections that were refused, by the reason. */
  readonly refused: Readonly<Record<RefusalReason, number>>;
}

export function noRefusals(): Record<RefusalReason, number> {
  return {
    maxWaiting: 0,
    maxHandshaking: 0,
    maxConnections: 0,
    admit: 0,
    maxPerAddress: 0,
    connectsPerSecond: 0,
    proxyHeader: 0,
    maxProxyHeaders: 0,
    untrustedProxy: 0,
    lost: 0,
    listenerClosed: 0,
  };
}
