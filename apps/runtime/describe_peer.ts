import { type StreamSocket } from '../../lib/index';

/** The log's fields for the other end of a connection: `ip` and `port`, where it has them. */
export function describePeer({ remoteAddress }: StreamSocket): Record<string, string | number> {
  if (remoteAddress === undefined || !('host' in remoteAddress)) return {};
  return { ip: remoteAddress.host, port: remoteAddress.port };
}
