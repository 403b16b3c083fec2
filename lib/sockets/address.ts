import { type Duplex } from 'node:stream';
import { type AddressInfo, type Socket } from 'node:net';

/** Where one end of a connection is: an IP address with its port, or the path of a Unix socket. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** `127.0.0.1:80`, `[::1]:80` or `/run/app.sock`: what an operator can paste into another tool. */
export function formatAddress(address: Address): string {
  if ('path' in address) return address.path;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** The address that `net.Server.address()` reports, or undefined while the server does not listen. */
export function addressOfServer(reported: AddressInfo | string | null): Address | undefined {
  if (reported === null) return undefined;
  return typeof reported === 'string' ? { path: reported } : { host: reported.address, port: reported.port };
}

/**
 * The two ends of a connection, read while it is alive: the system forgets a peer's address once the connection is
 * reset. A stream that is not a TCP connection has none.
 */
export function addressesOf(stream: Duplex): { local: Address | undefined; remote: Address | undefined } {
  const { localAddress, localPort, remoteAddress, remotePort } = stream as Partial<Socket>;
  return { local: tcpAddress(localAddress, localPort), remote: tcpAddress(remoteAddress, remotePort) };
}

function tcpAddress(host: string | undefined, port: number | undefined): Address | undefined {
  return host === undefined || port === undefined ? undefined : { host, port };
}
