import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

const HEADER_BYTES = 7;

/** A connection that a proxy does not forward at the moment. */
export interface HeldConnection {
  /** Resets it on both sides; the held messages are lost. */
  cut(): void;
  /** Forwards the held messages and all later ones. */
  release(): void;
}

/** Both directions of a connection. */
interface ProxiedConnection {
  isHeld: boolean;
  /** Forwards the received messages, one function for each direction. */
  readonly passOn: (() => void)[];
  readonly cut: () => void;
}

/** The message to hold: its sender and its type. */
interface Hold {
  readonly from: 'agency' | 'server';
  readonly type: string;
  readonly resolve: (held: HeldConnection) => void;
}

/** A TCP proxy in front of a server. A test can hold or reset a connection at a message of its choice. */
export class HoldingProxy {
  private readonly sockets = new Set<Socket>();
  private hold: Hold | undefined;

  private constructor(
    private readonly server: Server,
    private readonly target: number,
  ) {
    server.on('connection', (agency) => this.accept(agency));
  }

  /** A proxy on a free port of the loopback, for the server at `target`. */
  static async to(target: number): Promise<HoldingProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const proxy = new HoldingProxy(server, target);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Resolves on the next message of this type; its connection is held from that message on, in both directions. */
  async holdNext(from: Hold['from'], type: string): Promise<HeldConnection> {
    return new Promise((resolve) => {
      this.hold = { from, type, resolve };
    });
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private accept(agency: Socket): void {
    const server = connect({ port: this.target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const cut = (): void => {
      agency.resetAndDestroy();
      server.resetAndDestroy();
    };
    for (const socket of [agency, server]) {
      this.sockets.add(socket);
      socket.on('error', cut).on('close', () => this.sockets.delete(socket));
    }
    const connection: ProxiedConnection = { isHeld: false, passOn: [], cut };
    this.forward(agency, server, 'agency', connection);
    this.forward(server, agency, 'server', connection);
  }

  /** Forwards whole messages in one direction while the connection is not held. */
  private forward(source: Socket, target: Socket, from: Hold['from'], connection: ProxiedConnection): void {
    let bytes = Buffer.alloc(0);
    let hasEnded = false;
    const passOn = (): void => {
      while (!connection.isHeld && bytes.length >= HEADER_BYTES) {
        const size = HEADER_BYTES + bytes.readUIntLE(1, HEADER_BYTES - 1);
        if (bytes.length < size) return;
        if (this.takeHold(from, String.fromCharCode(bytes[0]!), connection)) return;
        target.write(bytes.subarray(0, size));
        bytes = bytes.subarray(size);
      }
      if (hasEnded && !connection.isHeld) target.end();
    };
    connection.passOn.push(passOn);
    source.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      passOn();
    });
    source.on('end', () => {
      hasEnded = true;
      passOn();
    });
  }

  /** Holds the connection if the rule matches. */
  private takeHold(from: Hold['from'], type: string, connection: ProxiedConnection): boolean {
    const { hold } = this;
    if (hold?.from !== from || hold.type !== type) return false;
    this.hold = undefined;
    connection.isHeld = true;
    hold.resolve({
      cut: connection.cut,
      release: () => {
        connection.isHeld = false;
        for (const passOn of connection.passOn) passOn();
      },
    });
    return true;
  }
}
