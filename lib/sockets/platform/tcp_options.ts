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
  /**
   * The time between two probes without an answer, in milliseconds, at least 1000, whole seconds of it (TCP_KEEPINTVL).
   * Needs a Node whose `socket.setKeepAlive` has it, 24.21 or 26.10 for instance. Default: 1000.
   */
  readonly keepAliveIntervalMs?: number | undefined;
  /** The number of probes without an answer after which the connection is lost (TCP_KEEPCNT). As above. Default: 10. */
  readonly keepAliveCount?: number | undefined;
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

/** Whether there are options that `net.connect` and `net.createServer` do not have. */
export function needsSocketOptions(options: TcpOptions): boolean {
  return (options.keepAliveIntervalMs ?? options.keepAliveCount) !== undefined;
}

/** Sets the options on a stream that exists already, if it is a TCP connection. */
export function withTcpOptions<Stream extends Duplex>(stream: Stream, options: TcpOptions): Stream {
  const { noDelay, keepAlive, keepAliveInitialDelay } = toNetOptions(options);
  const socket = stream as Duplex as Partial<SocketWithProbes>;
  socket.setNoDelay?.(noDelay);
  if (needsSocketOptions(options)) {
    socket.setKeepAlive?.(keepAlive, keepAliveInitialDelay, options.keepAliveIntervalMs, options.keepAliveCount);
  } else {
    socket.setKeepAlive?.(keepAlive, keepAliveInitialDelay);
  }
  return stream;
}

/** The types of Node 20 do not have the interval and the count. */
type SocketWithProbes = Omit<Socket, 'setKeepAlive'> & {
  setKeepAlive(enable: boolean, initialDelay: number, interval?: number, count?: number): unknown;
};
