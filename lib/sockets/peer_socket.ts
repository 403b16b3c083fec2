import { type Duplex } from 'node:stream';
import { type Address } from '../address';
import { type BufferOptions, StreamSocket } from './stream_socket';

/**
 * The server's end of one accepted connection: everything but `connect`. `ListenSocket.accept` makes them; made by
 * hand, one wraps any connected `Duplex`.
 */
export class PeerSocket extends StreamSocket {
  /**
   * @param local this end's address where it is known already: asking the system costs a server microseconds.
   * @throws RangeError an option that is no number of bytes.
   * @throws TypeError the stream gives strings or objects where bytes are needed, or another socket has it already.
   */
  constructor(stream: Duplex, options: BufferOptions = {}, local?: Address) {
    super(options);
    this.adopt(stream);
    this.startTraffic({ local });
  }
}
