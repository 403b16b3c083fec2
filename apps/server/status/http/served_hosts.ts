import { isIPv4, isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import { type ServerSettings } from '../../settings';

/** `uri-host [ ":" port ]` (RFC 9110, section 7.2): an address in brackets, or a name or an IPv4 address. */
const HOST = /^(?:\[(?<bracketed>[^\]]+)\]|(?<bare>[^:]+))(?::\d*)?$/;

/** `localhost` and the names under it resolve to the loopback addresses (RFC 6761, section 6.3). */
const LOCALHOST = /^(?:[^.]+\.)*localhost$/;

/**
 * The hosts served by the status server. A page of another site can point its own name at this machine and read the
 * responses as its own (DNS rebinding); its requests carry that name in `Host`. So only names of this machine are
 * served, and all addresses, because no name server is involved in those. Any port is accepted: a container's port is
 * published under another number.
 */
export class ServedHosts {
  private readonly names: ReadonlySet<string>;

  /** @param names the names besides `localhost`, in any case. */
  constructor(names: readonly string[]) {
    this.names = new Set(names.map(canonical));
  }

  /** The names of this machine: its host name, the bound name if there is one, and those of the settings. */
  static of(settings: Pick<ServerSettings, 'SERVER_STATUS_IP' | 'SERVER_STATUS_HOSTS'>): ServedHosts {
    return new ServedHosts([hostname(), settings.SERVER_STATUS_IP, ...settings.SERVER_STATUS_HOSTS]);
  }

  /** @param host the value of `Host`. An empty one contains no name, and is served. */
  serves(host: string): boolean {
    if (host === '') return true;
    const { bracketed, bare } = HOST.exec(host)?.groups ?? {};
    if (bracketed !== undefined) return isIPv6(bracketed);
    if (bare === undefined) return false;
    const name = canonical(bare);
    return isIPv4(name) || LOCALHOST.test(name) || this.names.has(name);
  }
}

/** The name in lower case, without the dot of the root at its end. */
function canonical(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
