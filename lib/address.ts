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

/** Whether a server bound to it takes connections at every address of the machine. */
export function isWildcard(address: Address): boolean {
  return 'host' in address && (address.host === '0.0.0.0' || address.host === '::');
}

/** This end of a connection, as long as that is alive. A stream that is not a TCP connection has none. */
export function localAddressOf(stream: Duplex): Address | undefined {
  const { localAddress, localPort } = stream as Partial<Socket>;
  return tcpAddress(localAddress, localPort);
}

/** The peer's end, read while the connection is alive: the system forgets it once that is reset. */
export function remoteAddressOf(stream: Duplex): Address | undefined {
  const { remoteAddress, remotePort } = stream as Partial<Socket>;
  return tcpAddress(remoteAddress, remotePort);
}

function tcpAddress(host: string | undefined, port: number | undefined): Address | undefined {
  return host === undefined || port === undefined ? undefined : { host, port };
}
