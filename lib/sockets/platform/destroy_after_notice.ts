import { type Duplex } from 'node:stream';
import { onNextTurn } from './next_turn';

/**
 * Destroys a stream at once, but lets TLS tell the peer first (close_notify, RFC 8446 section 6.1): else a client that
 * closes before it has read the session tickets, which come right behind the handshake, makes TCP answer them with a
 * reset, and the peer would see that in the place of an end.
 *
 * The notice leaves within the turn where the system has room for it. It does not wait behind other bytes, or for a
 * peer that does not read.
 */
export function destroyAfterNotice(stream: Duplex): void {
  if (!canGiveNotice(stream)) {
    stream.destroy();
    return;
  }
  stream.end(() => stream.destroy());
  onNextTurn(() => stream.destroy());
}

function canGiveNotice(stream: Duplex): boolean {
  const isTls = (stream as { secureConnecting?: boolean }).secureConnecting === false;
  return isTls && stream.writable && stream.writableLength === 0;
}
