import { type Duplex } from 'node:stream';
import { type Address } from '../address';
import { type BufferOptions } from './stream_options';
import { StreamSocket } from './stream_socket';
import { keepTlsInfo } from './tls/tls_info';

/**
 * The server's end of one accepted connection; it has everything but `connect`. `ListenSocket.accept` makes them. The
 * constructor wraps any connected `Duplex`.
 */
export class PeerSocket extends StreamSocket {
  /**
   * @param local the address of this end, if it is known: the system call for it costs a server microseconds.
   * @throws RangeError `receiveBufferBytes` is not a whole number of at least 1.
   * @throws TypeError the stream gives strings or objects instead of bytes, or belongs to another socket.
   */
  constructor(stream: Duplex, options: BufferOptions = {}, local?: Address) {
    super(options);
    this.connection.adopt(stream);
    keepTlsInfo(stream);
    this.connection.open({ local });
  }
}
