import { type Duplex } from 'node:stream';
import { isPlainTcp } from './plain_tcp';
import { onNextTurn } from './next_turn';

const NO_BYTES = Buffer.alloc(0);

/**
 * Tells the end of a TCP connection from a reset, and calls `onEnd` for an end only; of any other stream, the end is
 * taken as it is told.
 *
 * libuv reports a reset as an end where it arrives behind bytes that were not read yet: until its pull request 4997
 * (January 2026), uv__stream_io takes POLLHUP after a partial read for the end. A write of no bytes sends nothing, and
 * fails where the connection is gone: the stream's `error` event tells then. It must not queue behind other writes,
 * which a peer in good health may leave waiting; these notice a reset themselves, within the turn.
 */
export function confirmEnd(stream: Duplex, onEnd: () => void): void {
  const onProbed = (error?: Error | null): void => {
    if (!error && !stream.errored) onEnd();
  };
  if (!isPlainTcp(stream) || !stream.writable) onEnd();
  else if (stream.writableLength > 0) onNextTurn(onProbed);
  else stream.write(NO_BYTES, onProbed);
}
