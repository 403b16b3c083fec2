import { type Server } from 'node:net';
import { requireHost, requireOptionalFunction, requireText, requireWholeNumber } from '../arguments';
import { type TcpOptions } from './platform/tcp_options';
import { type BufferOptions, requireStreamOptions } from './stream_options';

export type ListenSocketOptions = TcpOptions &
  BufferOptions &
  ListenTarget & {
    /** The number of connections that the system may queue for the process (listen(2)). Default: 511, as Node's. */
    readonly backlog?: number | undefined;
    /** The number of connections that may wait for an `accept`; further ones are reset. Default: as `backlog`. */
    readonly maxWaiting?: number | undefined;
    /**
     * Makes the server underneath, instead of a plain one: `() => tls.createServer({ key, cert, allowHalfOpen: true })`.
     * It must not be listening yet.
     */
    readonly createServer?: (() => Server) | undefined;
  };

/** The address to listen on: a TCP port, or the path of a Unix socket. */
export type ListenTarget =
  | {
      /**
       * A name or an IP address of this machine, IPv6 without brackets. Default: every address (`::`), or every IPv4
       * address (`0.0.0.0`) where the system has no IPv6.
       */
      readonly host?: string | undefined;
      /** 0 to 65535; 0: any free one. */
      readonly port: number;
      readonly path?: undefined;
    }
  | { readonly path: string; readonly host?: undefined; readonly port?: undefined };

export const DEFAULT_BACKLOG = 511;

/** listen(2) takes an `int`. */
const LARGEST_BACKLOG = 2 ** 31 - 1;

/** @throws TypeError, RangeError an option cannot be used, or there is not exactly one address. */
export function requireListenOptions(options: ListenSocketOptions): void {
  requireStreamOptions(options);
  requireListenTarget(options);
  requireWholeNumber('backlog', options.backlog ?? DEFAULT_BACKLOG, 0, LARGEST_BACKLOG);
  requireWholeNumber('maxWaiting', options.maxWaiting ?? DEFAULT_BACKLOG, 0);
  requireOptionalFunction('createServer', options.createServer);
}

function requireListenTarget({ host, port, path }: ListenTarget): void {
  if (path === undefined) {
    if (host !== undefined) requireHost(host);
    requireWholeNumber('port', port, 0, 65_535);
    return;
  }
  requireText('path', path);
  if ((host ?? port) !== undefined) throw new TypeError('one target is possible, not several: a port, or path');
}
