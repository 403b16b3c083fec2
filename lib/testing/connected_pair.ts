import { PeerSocket } from '../sockets/peer_socket';
import { type BufferOptions } from '../sockets/stream_options';
import { type MemoryPairOptions, MemoryStream } from './memory_stream';

/**
 * Two sockets that are connected to each other in memory. They are ordinary `PeerSocket`s, and behave as the two ends of a
 * TCP connection do: backpressure, half-close, resets and deadlines included. No port is opened.
 */
export function connectedPair(options: MemoryPairOptions & BufferOptions = {}): [PeerSocket, PeerSocket] {
  const [left, right] = MemoryStream.pair(options);
  return [new PeerSocket(left, options), new PeerSocket(right, options)];
}
