import { type Duplex } from 'node:stream';
import { type Address } from '../address';
import { type BufferOptions } from './stream_options';
import { StreamSocket } from './stream_socket';
import { keepTlsInfo } from './tls/tls_info';

/** Where a connection comes from. */
export interface PeerOrigin {
  readonly remote?: Address | undefined;
  readonly proxy?: Address | undefined;
}

/**
 * The server's end of one accepted connection; it has everything but `connect`. `ListenSocket.accept` makes them. The
 * constructor wraps any connected `Duplex`.
 */
export class PeerSocket extends StreamSocket {
  /**
   * The address of the proxy that has sent a PROXY header; `remoteAddress` is then that of its client, or the proxy's too
   * if the header gives none. Undefined for a direct connection, and for a proxy on a Unix socket.
   */
  readonly proxyAddress: Address | undefined;

  /**
   * @param local the address of this end, if it is known: the system call for it costs a server microseconds.
   * @param origin the addresses of the client and of a proxy before it, if they are known.
   * @throws RangeError `receiveBufferBytes` is not a whole number of at least 1.
   * @throws TypeError the stream gives strings or objects instead of bytes, or belongs to another socket.
   */
  constructor(stream: Duplex, options: BufferOptions = {}, local?: Address, origin: PeerOrigin = {}) {
    super(options);
    this.proxyAddress = origin.proxy;
    this.connection.adopt(stream);
    keepTlsInfo(stream);
    this.connection.open({ local, client: origin.remote });
  }
}
