import { type Socket } from 'node:net';
import { type Duplex } from 'node:stream';

/** How a TCP connection is set up, the one under TLS too; a Unix socket has no use for them. */
export interface TcpOptions {
  /** Send small writes at once (TCP_NODELAY) instead of waiting for company (Nagle, RFC 896). Default: true. */
  readonly noDelay?: boolean;
  /** Probe an idle connection (SO_KEEPALIVE), so that a peer that vanished is noticed. Default: true. */
  readonly keepAlive?: boolean;
  /** Idle milliseconds before the first probe. Default: 30000. */
  readonly keepAliveInitialDelayMs?: number;
}

/** The same as `net` spells it. */
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

/** Sets up a stream that somebody else has made, as far as it is a TCP connection. */
export function withTcpOptions<Stream extends Duplex>(stream: Stream, options: TcpOptions): Stream {
  const { noDelay, keepAlive, keepAliveInitialDelay } = toNetOptions(options);
  const socket = stream as Duplex as Partial<Socket>;
  socket.setNoDelay?.(noDelay);
  socket.setKeepAlive?.(keepAlive, keepAliveInitialDelay);
  return stream;
}
