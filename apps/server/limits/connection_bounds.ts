import {
  type DescriptorBudget,
  type DescriptorUse,
  divideDescriptors,
  smallShareOf,
} from '../process/descriptor_budget';
import { type ServerSettings } from '../settings';
import { MAX_STATUS_CONNECTIONS } from '../status/optional_status_server';

/** The maximum number of refused connections that are answered at once. */
const MAX_REJECTIONS = 256;

/** The part of the sessions that may be in their handshake: silent connections leave room for agencies. */
const HANDSHAKE_SHARE = 4;
/** The maximum number of TLS handshakes at the same time. */
export const MAX_HANDSHAKES = 2048;

/** The bounds of the connections on their way to a session. The listener has them before the store is open. */
export interface ArrivalBounds {
  /** Connections whose PROXY header has not come; 0 without proxies. */
  readonly proxyHeaders: number;
  /** Connections in their TLS handshake; they count as sessions too. 0 without TLS. */
  readonly handshakes: number;
}

/** @param readUse called only if the settings need it. */
export function arrivalBounds(settings: ServerSettings, readUse: () => DescriptorUse): ArrivalBounds {
  const hasProxies = settings.SERVER_PROXY_FROM.length > 0;
  if (!hasProxies && !settings.SERVER_TLS) return { proxyHeaders: 0, handshakes: 0 };
  const use = readUse();
  const proxyHeaders = hasProxies ? Math.min(settings.SERVER_LISTEN_BACKLOG, smallShareOf(use)) : 0;
  if (!settings.SERVER_TLS) return { proxyHeaders, handshakes: 0 };
  const { sessions } = divideDescriptors(use, wantedConnections(settings, proxyHeaders)) ?? { sessions: 1 };
  const handshakes = Math.min(MAX_HANDSHAKES, Math.floor(sessions / HANDSHAKE_SHARE));
  return { proxyHeaders, handshakes: Math.max(1, handshakes) };
}

/** The connections of each kind under an ample limit of descriptors. */
export function wantedConnections(settings: ServerSettings, proxyHeaders: number): DescriptorBudget {
  return {
    sessions: settings.SERVER_MAX_SESSIONS,
    rejections: MAX_REJECTIONS,
    status: settings.SERVER_STATUS_PORT === 0 ? 0 : MAX_STATUS_CONNECTIONS,
    proxyHeaders,
  };
}
