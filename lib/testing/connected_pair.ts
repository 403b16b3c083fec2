import { PeerSocket } from '../sockets/peer_socket';
import { type BufferOptions } from '../sockets/stream_socket';
import { type MemoryPairOptions, MemoryStream } from './memory_stream';

/**
 * Two sockets that are connected to each other in memory: what one sends, the other receives. They are `PeerSocket`s
 * like any other, and behave as two ends of a TCP connection do, deadlines, half-close, resets and backpressure
 * included; no port is opened and no other process can interfere.
 */
export function connectedPair(options: MemoryPairOptions & BufferOptions = {}): [PeerSocket, PeerSocket] {
  const [left, right] = MemoryStream.pair(options);
  return [new PeerSocket(left, options), new PeerSocket(right, options)];
}
