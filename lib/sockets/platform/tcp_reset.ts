import { type Socket } from 'node:net';
import { type Duplex } from 'node:stream';
import { isPlainTcp } from './plain_tcp';

/**
 * Destroys a stream with a reset (RST) where it can make one: a TCP connection, or a stream with a `resetAndDestroy`
 * of its own. A Unix socket and a TLS connection have none, and are only destroyed.
 */
export function destroyWithReset(stream: Duplex): void {
  if (stream.destroyed) return;
  if (isPlainTcp(stream) && isEnding(stream)) stream.once('finish', () => resetNow(stream));
  else resetNow(stream);
}

/**
 * True while the end of this side is on its way to the system, which takes no longer than the next turn. A reset that
 * is asked for meanwhile is refused by libuv (uv_tcp_close_reset: EINVAL), and Node would lose the descriptor over it.
 */
function isEnding(stream: Duplex): boolean {
  return stream.writableEnded && !stream.writableFinished && stream.writableLength === 0;
}

function resetNow(stream: Duplex): void {
  const { resetAndDestroy } = stream as Partial<Socket>;
  try {
    resetAndDestroy?.call(stream as Socket);
  } catch {
    // net.Socket.resetAndDestroy throws where the handle underneath is not TCP.
  }
  // It waits for blocked writes to leave first, which a peer that does not read can delay for ever: go on now.
  stream.destroy();
}
