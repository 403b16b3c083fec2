/** The end of a Node stream: the cases of TCP over libuv, and of TLS, that the documented calls do not cover. */
import { type Socket } from 'node:net';
import { type Duplex } from 'node:stream';

const NO_BYTES = Buffer.alloc(0);

/**
 * Calls back on the next turn of the event loop. The reference is taken at the load of this module, before a test
 * installs a fake clock: such a clock stops deadlines, and no bytes.
 */
export const onNextTurn = setImmediate;

/**
 * Calls `onEnd` if the `end` event of a stream was the peer's end, and not a reset. Only TCP streams need the check; for
 * all others the callback comes at once.
 *
 * libuv reports a reset as an end if unread bytes precede it: until its pull request 4997 (January 2026),
 * uv__stream_io takes POLLHUP after a partial read for the end. The probe is a write of no bytes. It sends nothing, and
 * it fails on a reset connection, with the stream's `error` event. Behind pending writes the probe could wait for a
 * slow peer without a limit, so it is omitted there: a pending write fails by itself after a reset, within the turn.
 */
export function confirmEnd(stream: Duplex, onEnd: () => void): void {
  const onProbed = (error?: Error | null): void => {
    if (!error && !stream.errored) onEnd();
  };
  if (!isPlainTcp(stream) || !stream.writable) onEnd();
  else if (stream.writableLength > 0) onNextTurn(onProbed);
  else stream.write(NO_BYTES, onProbed);
}

/**
 * Destroys a stream at once; a TLS stream sends its close_notify first (RFC 8446, section 6.1).
 *
 * Without the notice, a TLS client that closes right after the handshake has session tickets unread in its kernel, TCP
 * answers them with a reset, and the peer sees an error instead of an end. The notice leaves within the turn if the
 * system has room for it; it waits neither for other bytes nor for a peer that does not read.
 */
export function destroyAfterNotice(stream: Duplex): void {
  if (!canGiveNotice(stream)) {
    stream.destroy();
    return;
  }
  stream.end(() => stream.destroy());
  onNextTurn(() => stream.destroy());
}

/**
 * Destroys a stream with a reset (RST, RFC 9293 section 3.5.2) if it is a TCP connection or has a `resetAndDestroy` of
 * its own. Unix sockets and TLS have no reset: they are destroyed without one.
 */
export function destroyWithReset(stream: Duplex): void {
  if (stream.destroyed) return;
  if (isPlainTcp(stream) && isEnding(stream)) stream.once('finish', () => resetNow(stream));
  else resetNow(stream);
}

function canGiveNotice(stream: Duplex): boolean {
  const isTls = (stream as { secureConnecting?: boolean }).secureConnecting === false;
  return isTls && stream.writable && stream.writableLength === 0;
}

/** Whether a connected stream is a TCP connection itself: neither a Unix socket nor TLS on top of TCP. */
function isPlainTcp(stream: Duplex): stream is Socket {
  return (stream as Partial<Socket>).remoteAddress !== undefined && !('encrypted' in stream);
}

/**
 * Whether the end of this side is on its way to the system, which takes until the next turn at most. libuv refuses a
 * reset meanwhile (uv_tcp_close_reset: EINVAL), and Node would leak the descriptor.
 */
function isEnding(stream: Duplex): boolean {
  return stream.writableEnded && !stream.writableFinished && stream.writableLength === 0;
}

function resetNow(stream: Duplex): void {
  const { resetAndDestroy } = stream as Partial<Socket>;
  try {
    resetAndDestroy?.call(stream as Socket);
  } catch {
    // net.Socket.resetAndDestroy throws if the handle underneath is not TCP.
  }
  // resetAndDestroy waits for blocked writes, which a peer that does not read delays for ever.
  stream.destroy();
}
