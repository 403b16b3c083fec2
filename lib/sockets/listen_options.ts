import { type Server } from 'node:net';
import {
  requireHost,
  requireOptionalBoolean,
  requireOptionalFunction,
  requireText,
  requireWholeNumber,
} from '../arguments';
import { requireReusePort } from './platform/node_versions';
import { type TcpOptions } from './platform/tcp_options';
import { type ProxyProtocolOptions } from './proxy_protocol/proxy_options';
import { type BufferOptions, requireStreamOptions } from './stream_options';
import { type HandshakeFailedError } from './tls/errors';
import { requireTlsOptions, type TlsListenOptions } from './tls/tls_options';

export type ListenSocketOptions = TcpOptions &
  BufferOptions &
  ListenTarget & {
    /** The number of connections that the system may queue for the process (listen(2)). Default: 511, as Node's. */
    readonly backlog?: number | undefined;
    /** The number of connections that may wait for an `accept`; further ones are reset. Default: as `backlog`. */
    readonly maxWaiting?: number | undefined;
    /** Accepts by TLS: a connection is accepted after its handshake. See `TlsListenOptions`. */
    readonly tls?: TlsListenOptions | undefined;
    /**
     * With `tls`, the time from the TCP connection to the end of its handshake, in milliseconds, 1 to 2147483647;
     * a slower connection is reset. Default: 10000.
     */
    readonly handshakeTimeoutMs?: number | undefined;
    /**
     * With `tls`, the number of connections that may be in their handshake, at least 1; further ones are reset.
     * Default: 2048, which silent clients fill with 35 MB.
     */
    readonly maxHandshaking?: number | undefined;
    /** With `tls`, called after each handshake that has failed. The listener goes on. */
    readonly onHandshakeError?: ((error: HandshakeFailedError) => void) | undefined;
    /** Takes the address of the client from a trusted proxy, before TLS: see `ProxyProtocolOptions`. Default: off. */
    readonly proxyProtocol?: ProxyProtocolOptions | undefined;
    /**
     * Makes the server underneath, in place of `net.createServer`: `() => net.createServer({ blockList })` for instance. It
     * must be a plain server, with `tls` too, and must not be listening yet.
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
      /** On `::`, accepts no IPv4 (IPV6_V6ONLY, RFC 3493 section 5.3). Default: false. */
      readonly ipv6Only?: boolean | undefined;
      /**
       * Shares the address with other listeners, of other processes for instance, that have the option too; the system
       * divides the connections among them (SO_REUSEPORT). Needs Node 22.12 or 23.1; some systems have it not. Default:
       * false.
       */
      readonly reusePort?: boolean | undefined;
      readonly path?: undefined;
      readonly replaceStaleSocket?: undefined;
      readonly mode?: undefined;
      readonly fd?: undefined;
    }
  | {
      /** The path of a Unix socket. */
      readonly path: string;
      /**
       * Replaces the file of a socket on which no process listens, as a process leaves it that was ended by SIGKILL. A
       * process that listens on it gets a connection that ends at once. Default: false, such a file is an address in use.
       */
      readonly replaceStaleSocket?: boolean | undefined;
      /**
       * The permissions of the file, 0 to 0o777; a client needs the one to write (unix(7)). They are set right behind
       * listen(2), before a connection is accepted. Default: those that the umask leaves.
       */
      readonly mode?: number | undefined;
      readonly host?: undefined;
      readonly port?: undefined;
      readonly ipv6Only?: undefined;
      readonly reusePort?: undefined;
      readonly fd?: undefined;
    }
  | {
      /**
       * A descriptor that is bound already, inherited from systemd for instance: its first socket is 3 (sd_listen_fds(3)).
       * A Unix socket's file stays at the close.
       */
      readonly fd: number;
      readonly host?: undefined;
      readonly port?: undefined;
      readonly ipv6Only?: undefined;
      readonly reusePort?: undefined;
      readonly path?: undefined;
      readonly replaceStaleSocket?: undefined;
      readonly mode?: undefined;
    };

export const DEFAULT_BACKLOG = 511;
export const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;
export const DEFAULT_MAX_HANDSHAKING = 2048;

/** listen(2) takes an `int`, and so do Node's timers. */
const LARGEST_INT = 2 ** 31 - 1;

/** @throws TypeError, RangeError an option cannot be used, or there is not exactly one address. */
export function requireListenOptions(options: ListenSocketOptions): void {
  requireStreamOptions(options);
  requireListenTarget(options);
  requireWholeNumber('backlog', options.backlog ?? DEFAULT_BACKLOG, 0, LARGEST_INT);
  requireWholeNumber('maxWaiting', options.maxWaiting ?? DEFAULT_BACKLOG, 0);
  requireWholeNumber('handshakeTimeoutMs', options.handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS, 1, LARGEST_INT);
  requireWholeNumber('maxHandshaking', options.maxHandshaking ?? DEFAULT_MAX_HANDSHAKING, 1);
  requireOptionalFunction('onHandshakeError', options.onHandshakeError);
  requireTlsOptions(options.tls);
  requireOptionalFunction('createServer', options.createServer);
}

function requireListenTarget(target: ListenTarget): void {
  const { host, port, path, fd, replaceStaleSocket, mode, ipv6Only, reusePort } = target;
  requireOptionalBoolean('replaceStaleSocket', replaceStaleSocket);
  requireOptionalBoolean('ipv6Only', ipv6Only);
  requireOptionalBoolean('reusePort', reusePort);
  const targets = [host ?? port, path, fd].filter((each) => each !== undefined);
  if (targets.length > 1) throw new TypeError('one target is possible, not several: a port, path, or fd');
  if (path === undefined && (replaceStaleSocket ?? mode) !== undefined) {
    throw new TypeError(`${mode === undefined ? 'replaceStaleSocket' : 'mode'} needs path`);
  }
  if ((path ?? fd) !== undefined && (ipv6Only ?? reusePort) !== undefined) {
    throw new TypeError(`${ipv6Only === undefined ? 'reusePort' : 'ipv6Only'} needs port`);
  }
  if (reusePort === true) requireReusePort();
  if (path !== undefined) {
    requireText('path', path);
    requireWholeNumber('mode', mode ?? 0, 0, 0o777);
  } else if (fd !== undefined) {
    requireWholeNumber('fd', fd, 0, LARGEST_INT);
  } else {
    if (host !== undefined) requireHost(host);
    requireWholeNumber('port', port, 0, 65_535);
  }
}
