import { type Socket } from 'node:net';
import { type Duplex } from 'node:stream';

/** Whether a connected stream is a TCP connection itself: not a Unix socket, and not TLS on top of one. */
export function isPlainTcp(stream: Duplex): stream is Socket {
  return (stream as Partial<Socket>).remoteAddress !== undefined && !('encrypted' in stream);
}
