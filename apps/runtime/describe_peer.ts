import { type StreamSocket } from '../../lib/index';

/** The log fields of a connection's peer: `ip` and `port`, if it has them. */
export function describePeer({ remoteAddress }: StreamSocket): Record<string, string | number> {
  if (remoteAddress === undefined || !('host' in remoteAddress)) return {};
  return { ip: remoteAddress.host, port: remoteAddress.port };
}
