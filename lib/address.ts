import { type Duplex } from 'node:stream';
import { type AddressInfo, type Socket } from 'node:net';

/**
 * The address of one end of a connection: an IP address with a port, or the path of a Unix socket. The properties of the
 * other kind are undefined: `address.port` is a number for the one, and undefined for the other.
 */
export type Address =
  | { readonly host: string; readonly port: number; readonly path?: undefined }
  | { readonly path: string; readonly host?: undefined; readonly port?: undefined };

/** The address as text: `127.0.0.1:80`, `[::1]:80` or `/run/app.sock`; `unknown address` for undefined. */
export function formatAddress(address: Address | undefined): string {
  if (address === undefined) return 'unknown address';
  if (address.path !== undefined) return address.path;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** The address in the result of `net.Server.address()`; undefined while the server does not listen. */
export function addressOfServer(reported: AddressInfo | string | null): Address | undefined {
  if (reported === null) return undefined;
  return typeof reported === 'string' ? { path: reported } : { host: reported.address, port: reported.port };
}

/** Whether a server on this address accepts connections on every address of the machine. */
export function isWildcard(address: Address): boolean {
  return address.host !== undefined && (address.host === '0.0.0.0' || address.host === '::');
}

/** The address of this end of a stream; undefined without TCP, and after the end. */
export function localAddressOf(stream: Duplex): Address | undefined {
  const { localAddress, localPort } = stream as Partial<Socket>;
  return tcpAddress(localAddress, localPort);
}

/** The address of the peer of a stream; undefined without TCP, and after a reset, when the system has dropped it. */
export function remoteAddressOf(stream: Duplex): Address | undefined {
  const { remoteAddress, remotePort } = stream as Partial<Socket>;
  return tcpAddress(remoteAddress, remotePort);
}

function tcpAddress(host: string | undefined, port: number | undefined): Address | undefined {
  return host === undefined || port === undefined ? undefined : { host, port };
}
