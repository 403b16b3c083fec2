import { isIPv4, isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import { type ServerSettings } from '../../settings';

/** `uri-host [ ":" port ]` (RFC 9110, section 7.2): an address in brackets, or what may be a name or an IPv4 address. */
const HOST = /^(?:\[(?<bracketed>[^\]]+)\]|(?<bare>[^:]+))(?::\d*)?$/;

/** `localhost` and the names under it lead to the loopback addresses (RFC 6761, section 6.3). */
const LOCALHOST = /^(?:[^.]+\.)*localhost$/;

/**
 * The hosts under which the status side answers. A page of another site can point its own name at this machine, and read
 * the answers as its own (DNS rebinding); its requests carry that name in `Host`. Only names of this machine are served,
 * therefore, and every address, as no name server has a part in it. The port may be any one: a container's port is
 * published under another number.
 */
export class ServedHosts {
  private readonly names: ReadonlySet<string>;

  /** @param names the names beside `localhost`, in any case. */
  constructor(names: readonly string[]) {
    this.names = new Set(names.map(canonical));
  }

  /** This machine's own name, the name that is bound to where it is one, and the names that the settings add. */
  static of(settings: Pick<ServerSettings, 'SERVER_STATUS_IP' | 'SERVER_STATUS_HOSTS'>): ServedHosts {
    return new ServedHosts([hostname(), settings.SERVER_STATUS_IP, ...settings.SERVER_STATUS_HOSTS]);
  }

  /** @param host the value of `Host`. An empty one has no name, and is served. */
  serves(host: string): boolean {
    if (host === '') return true;
    const { bracketed, bare } = HOST.exec(host)?.groups ?? {};
    if (bracketed !== undefined) return isIPv6(bracketed);
    if (bare === undefined) return false;
    const name = canonical(bare);
    return isIPv4(name) || LOCALHOST.test(name) || this.names.has(name);
  }
}

/** In lower case, and without the dot of the root at its end. */
function canonical(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
