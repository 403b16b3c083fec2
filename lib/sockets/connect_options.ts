import { isIP, type LookupFunction } from 'node:net';
import { type Duplex } from 'node:stream';
import { requireHost, requireObject, requireOptionalFunction, requireText, requireWholeNumber } from '../arguments';
import { type TcpOptions } from './platform/tcp_options';
import { type TlsConnectOptions } from './tls/tls_options';
import { type BufferOptions, requireStreamOptions } from './stream_options';

export type ConnectSocketOptions = TcpOptions & BufferOptions & ConnectTarget;

/** The target: a TCP port, the path of a Unix socket, or a stream that the caller makes. */
export type ConnectTarget =
  | {
      /** A name or an IP address, IPv6 without brackets. */
      readonly host: string;
      /** 1 to 65535. */
      readonly port: number;
      /** The address of this end, one of this machine. Default: by the system's routes. */
      readonly localAddress?: string | undefined;
      /** The port of this end, 0 to 65535; 0: any free one. Default: 0. */
      readonly localPort?: number | undefined;
      /** Only addresses of this version of IP: 4 or 6. Default: both, side by side (RFC 8305). */
      readonly family?: 4 | 6 | undefined;
      /** Looks up the name, in place of `dns.lookup`. */
      readonly lookup?: LookupFunction | undefined;
      /** Connects by TLS, `{}` for the defaults: see `TlsConnectOptions`. */
      readonly tls?: TlsConnectOptions | undefined;
      readonly path?: undefined;
      readonly createConnection?: undefined;
    }
  | {
      readonly path: string;
      readonly tls?: TlsConnectOptions | undefined;
      readonly host?: undefined;
      readonly port?: undefined;
      readonly localAddress?: undefined;
      readonly localPort?: undefined;
      readonly family?: undefined;
      readonly lookup?: undefined;
      readonly createConnection?: undefined;
    }
  | {
      /**
       * Makes the stream, when `connect` is called. A stream that is still connecting, or in its TLS handshake, is waited
       * for. (`tls.connect` sends the name of the server only for its option `servername`.)
       */
      readonly createConnection: () => Duplex;
      readonly tls?: undefined;
      readonly host?: undefined;
      readonly port?: undefined;
      readonly localAddress?: undefined;
      readonly localPort?: undefined;
      readonly family?: undefined;
      readonly lookup?: undefined;
      readonly path?: undefined;
    };

const TARGETS = 'host and port, path, or createConnection';

/** @throws TypeError, RangeError an option cannot be used, or there is not exactly one target. */
export function requireConnectOptions(options: ConnectSocketOptions): void {
  requireStreamOptions(options);
  const { host, port, path, createConnection, tls } = options;
  const targets = [host ?? port, path, createConnection].filter((target) => target !== undefined);
  if (targets.length === 0) throw new TypeError(`a target is needed: ${TARGETS}`);
  if (targets.length > 1) throw new TypeError(`one target is possible, not several: ${TARGETS}`);
  requireOptionalFunction('createConnection', createConnection);
  if (tls !== undefined) {
    requireObject('tls', tls);
    if (createConnection !== undefined) throw new TypeError('tls needs host and port, or path');
  }
  requireRouteOptions(options);
  if (createConnection !== undefined) return;
  if (path !== undefined) {
    requireText('path', path);
    return;
  }
  requireHost(host);
  requireWholeNumber('port', port, 1, 65_535);
}

/** The options that need a host. */
function requireRouteOptions({ host, localAddress, localPort, family, lookup }: ConnectSocketOptions): void {
  const given = Object.entries({ localAddress, localPort, family, lookup }).find(([, value]) => value !== undefined);
  if (given !== undefined && host === undefined) throw new TypeError(`${given[0]} needs host and port`);
  if (localAddress !== undefined && isIP(localAddress) === 0) throw new TypeError('localAddress must be an IP address');
  requireWholeNumber('localPort', localPort ?? 0, 0, 65_535);
  if (![undefined, 4, 6].includes(family)) throw new RangeError(`family must be 4 or 6, but is ${String(family)}`);
  requireOptionalFunction('lookup', lookup);
}
