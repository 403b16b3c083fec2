import { type RefusalReason, type ServeOptions } from '../../../lib/index';
import { type ServerSettings } from '../settings';
import { type AddressTable } from './address_table';
import { type LimitName } from './limit_name';

/** The limits by address that the listener holds. */
export function serveLimits(
  settings: ServerSettings,
  addresses: AddressTable,
): Pick<ServeOptions, 'maxPerAddress' | 'connectsPerSecond' | 'connectBurst' | 'admit'> {
  return {
    maxPerAddress: settings.SERVER_ADDRESS_SESSIONS || undefined,
    connectsPerSecond: settings.SERVER_ADDRESS_CONNECTS_PER_SECOND || undefined,
    connectBurst: settings.SERVER_ADDRESS_CONNECT_BURST,
    admit: (remote) => addresses.find(remote)?.mayConnect(performance.now()) ?? true,
  };
}

/** The limit of a refusal by the listener; undefined if the server stops, and for a connection that is lost already. */
export function limitOf(reason: RefusalReason): LimitName | undefined {
  switch (reason) {
    case 'maxHandshaking':
      return 'handshakes';
    case 'maxPerAddress':
      return 'address_sessions';
    case 'connectsPerSecond':
      return 'address_connects';
    case 'admit':
      return 'address_refusals';
    case 'proxyHeader':
    case 'maxProxyHeaders':
    case 'untrustedProxy':
      return 'proxy_header';
    case 'lost':
    case 'listenerClosed':
      return undefined;
    default:
      return 'sessions';
  }
}

/**
 * The text of `busy`.
 *
 * @param sessions the greatest number of sessions.
 */
export function busyText(limit: LimitName, sessions: number, settings: ServerSettings): string {
  switch (limit) {
    case 'address_sessions':
      return `${settings.SERVER_ADDRESS_SESSIONS} sessions of this address are open, no more are taken`;
    case 'address_connects':
      return `this address has connected too often, ${settings.SERVER_ADDRESS_CONNECTS_PER_SECOND} a second are allowed`;
    case 'address_refusals':
      return `too many sessions of this address were refused, ${settings.SERVER_ADDRESS_REFUSALS_PER_MINUTE} a minute are allowed`;
    case 'agency_sessions':
      return `${settings.SERVER_AGENCY_SESSIONS} sessions of this agency are open, no more are taken`;
    case 'agency_connects':
      return `this agency has connected too often, ${settings.SERVER_AGENCY_CONNECTS_PER_SECOND} a second are allowed`;
    case 'agency_refusals':
      return `too many sessions of this agency were refused, ${settings.SERVER_AGENCY_REFUSALS_PER_MINUTE} a minute are allowed`;
    default:
      return `${sessions} sessions are open, no more are taken`;
  }
}
