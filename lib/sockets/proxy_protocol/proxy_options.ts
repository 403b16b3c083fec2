import { requireObject, requireOptionalFunction, requireWholeNumber } from '../../arguments';
import { type ProxyHeaderRefusedError } from '../../errors';
import { TrustedAddresses, type TrustedAddressList } from './trusted_addresses';

/** The PROXY protocol of a listener. */
export interface ProxyProtocolOptions {
  /**
   * The proxies. A connection from one of these addresses must begin with a PROXY header, version 1 or 2. Every client of
   * a Unix socket counts as one: the permissions of the file decide on it.
   */
  readonly trusted: TrustedAddressList;
  /**
   * Connections from other addresses: `direct` ones of clients, whose first bytes are never taken for a header, or
   * `refused` by a reset. Default: `direct`.
   */
  readonly untrusted?: 'direct' | 'refused' | undefined;
  /** The time for a whole header, in milliseconds, 1 to 2147483647. Default: 5000. */
  readonly timeoutMs?: number | undefined;
  /** The number of connections that may wait for their header, at least 1; further ones are reset. Default: 2048. */
  readonly maxWaiting?: number | undefined;
  /** Called after each connection that was reset for its header. */
  readonly onRefused?: ((error: ProxyHeaderRefusedError) => void) | undefined;
}

/** The options with their defaults. */
export interface ProxySettings {
  readonly trusted: TrustedAddresses;
  readonly isDirectAllowed: boolean;
  readonly timeoutMs: number;
  readonly maxWaiting: number;
  readonly onRefused: ((error: ProxyHeaderRefusedError) => void) | undefined;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** @throws TypeError, RangeError an option cannot be used. */
export function proxySettings(options: ProxyProtocolOptions): ProxySettings {
  requireObject('proxyProtocol', options);
  const { trusted, untrusted = 'direct', timeoutMs = 5000, maxWaiting = 2048, onRefused } = options;
  requireWholeNumber('proxyProtocol.timeoutMs', timeoutMs, 1, LONGEST_TIMER_MS);
  requireWholeNumber('proxyProtocol.maxWaiting', maxWaiting, 1);
  requireOptionalFunction('proxyProtocol.onRefused', onRefused);
  if (!['direct', 'refused'].includes(untrusted)) {
    throw new TypeError('proxyProtocol.untrusted must be "direct" or "refused"');
  }
  const isDirectAllowed = untrusted === 'direct';
  return { trusted: new TrustedAddresses(trusted), isDirectAllowed, timeoutMs, maxWaiting, onRefused };
}
