import { type Socket } from 'node:net';
import { type Duplex } from 'node:stream';

/** Options of a TCP connection, including the one under TLS. They have no effect on a Unix socket. */
export interface TcpOptions {
  /** Sends small writes at once (TCP_NODELAY) instead of collecting them (Nagle, RFC 896). Default: true. */
  readonly noDelay?: boolean | undefined;
  /** Probes an idle connection (SO_KEEPALIVE): a peer that has vanished is noticed. Default: true. */
  readonly keepAlive?: boolean | undefined;
  /** The idle time before the first probe, in milliseconds. Default: 30000. */
  readonly keepAliveInitialDelayMs?: number | undefined;
}

/** The options for `net.connect` and `net.createServer`. */
export function toNetOptions(options: TcpOptions): {
  noDelay: boolean;
  keepAlive: boolean;
  keepAliveInitialDelay: number;
  allowHalfOpen: true;
} {
  return {
    noDelay: options.noDelay ?? true,
    keepAlive: options.keepAlive ?? true,
    keepAliveInitialDelay: options.keepAliveInitialDelayMs ?? 30_000,
    allowHalfOpen: true,
  };
}

/** Sets the options on a stream that exists already, if it is a TCP connection. */
export function withTcpOptions<Stream extends Duplex>(stream: Stream, options: TcpOptions): Stream {
  const { noDelay, keepAlive, keepAliveInitialDelay } = toNetOptions(options);
  const socket = stream as Duplex as Partial<Socket>;
  socket.setNoDelay?.(noDelay);
  socket.setKeepAlive?.(keepAlive, keepAliveInitialDelay);
  return stream;
}
