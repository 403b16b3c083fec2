import { type Duplex } from 'node:stream';
import { type BufferOptions, StreamSocket } from './stream_socket';

/**
 * The server's end of one accepted connection: everything but `connect`. `ListenSocket.accept` makes them; made by
 * hand, one wraps any connected `Duplex`.
 */
export class PeerSocket extends StreamSocket {
  /**
   * @throws RangeError an option that is no number of bytes.
   * @throws TypeError the stream gives strings or objects where bytes are needed, or another socket has it already.
   */
  constructor(stream: Duplex, options: BufferOptions = {}) {
    super(options);
    this.adopt(stream);
    this.startTraffic();
  }
}
