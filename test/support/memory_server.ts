import { EventEmitter } from 'node:events';
import { type AddressInfo, type Server } from 'node:net';
import { type Duplex } from 'node:stream';
import { MemoryStream } from '../../lib/testing/index';

/** The addresses of a connection in memory, as those of a `net.Socket`. */
export interface MemoryAddress {
  readonly remoteAddress: string;
  readonly remotePort: number;
}

/** A server whose connections are in memory, for the option `createServer` of a listener. */
export class MemoryServer extends EventEmitter {
  private isListening = false;

  constructor(private readonly capacityBytes?: number) {
    super();
  }

  /** The server as the type that a listener takes. */
  get asServer(): Server {
    return this as unknown as Server;
  }

  listen(): void {
    this.isListening = true;
    process.nextTick(() => this.emit('listening'));
  }

  close(): void {
    this.isListening = false;
  }

  address(): AddressInfo {
    return { address: 'memory', family: 'memory', port: 0 };
  }

  /** The client's end of a new connection. */
  connect(from?: MemoryAddress): Duplex {
    if (!this.isListening) throw new Error('the server does not listen');
    const { capacityBytes } = this;
    const [near, far] = MemoryStream.pair(capacityBytes === undefined ? {} : { capacityBytes });
    this.emit('connection', Object.assign(far, from));
    return near;
  }
}
