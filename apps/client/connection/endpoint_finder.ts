import { isIP } from 'node:net';
import { inject, injectable } from 'inversify';
import { formatAddress } from '../../../lib/index';
import { type HostAndPort } from '../../runtime/setting_schemas';
import { type ClientSettings } from '../settings';
import { TOKENS } from '../tokens';
import { type NameResolver, NameLookupError } from './name_resolver';

/** A possible target of a connection: one address of a server. */
export interface Endpoint {
  /** For the log, and equal after another look-up: `10.0.0.3:12345`, or `server1:12345 (10.0.0.3)`. */
  readonly name: string;
  /** The IP address and the port; the error of the look-up if there is no address. */
  readonly target: HostAndPort | NameLookupError;
  /** The host of the setting: a name, or an IP address. */
  readonly host: string;
}

/** Finds the endpoints of all servers of the setting. */
@injectable()
export class EndpointFinder {
  private readonly servers: readonly HostAndPort[];

  constructor(
    @inject(TOKENS.Settings) settings: Pick<ClientSettings, 'CLI_SERVER_ADDRESS'>,
    @inject(TOKENS.NameResolver) private readonly names: NameResolver,
  ) {
    this.servers = settings.CLI_SERVER_ADDRESS;
  }

  /**
   * Looks all names up; returns the endpoints in the order of the setting, at least one, each once.
   *
   * @throws StoppedError as soon as `stop` fires.
   */
  async find(stop: AbortSignal): Promise<readonly Endpoint[]> {
    const found = await Promise.all(this.servers.map((server) => this.endpointsOf(server, stop)));
    const distinct = new Map<string, Endpoint>();
    for (const endpoint of found.flat()) {
      const key = endpoint.target instanceof NameLookupError ? endpoint.name : formatAddress(endpoint.target);
      if (!distinct.has(key)) distinct.set(key, endpoint);
    }
    return Array.from(distinct.values());
  }

  private async endpointsOf(server: HostAndPort, stop: AbortSignal): Promise<readonly Endpoint[]> {
    const { host, port } = server;
    const name = formatAddress(server);
    if (isIP(host) !== 0) return [{ name, target: server, host }];
    try {
      const addresses = await this.names.addressesOf(host, this.servers.length === 1, stop);
      return addresses.map((address) => ({ name: `${name} (${address})`, target: { host: address, port }, host }));
    } catch (error) {
      if (!(error instanceof NameLookupError)) throw error;
      return [{ name, target: error, host }];
    }
  }
}
