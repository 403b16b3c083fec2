import { ConnectSocket, FramedSocket, PeerSocket } from '../../lib/index';
import { MemoryStream } from '../../lib/testing/index';
import { createServerCodec, type LotteryMessage, textMessage } from '../../apps/protocol/messages';

/** The server's side of one connection of an agency. A test scripts its messages. */
export class ScriptedConnection {
  private readonly channel: FramedSocket<LotteryMessage>;

  constructor(private readonly stream: MemoryStream) {
    this.channel = new FramedSocket(new PeerSocket(stream), createServerCodec());
  }

  /** The agency's next message as `TYPE value`, or `end` after the end of its side. */
  async next(): Promise<string> {
    const message = await this.channel.receive({ timeoutMs: 5_000 });
    return message === null ? 'end' : `${message.type} ${Buffer.from(message.value).toString('utf8')}`.trimEnd();
  }

  /** A message that is already received, or undefined. */
  pending(): string | undefined {
    const message = this.channel.tryReceive();
    return message && `${message.type} ${Buffer.from(message.value).toString('utf8')}`.trimEnd();
  }

  respond(type: string, text = ''): void {
    void this.channel.send(textMessage(type, text)).catch(() => {});
  }

  /** Ends the connection after all responses, as the server does. */
  async close(): Promise<void> {
    await this.channel.socket.lingeringClose({ timeoutMs: 2_000 });
  }

  /** Resets the connection. */
  reset(): void {
    this.stream.resetAndDestroy();
  }
}

/** Accepts an agency's connections in memory. The first `refuse` connections fail. */
export class ScriptedServer {
  /** The number of attempted connections. */
  attempts = 0;
  refuse = 0;
  private readonly connections: ScriptedConnection[] = [];
  private wake: () => void = () => {};

  /** The agency's socket factory. */
  readonly createSocket = (): ConnectSocket => {
    this.attempts++;
    if (this.attempts <= this.refuse) {
      return new ConnectSocket({
        createConnection: () => {
          throw new Error('refused');
        },
      });
    }
    const [near, far] = MemoryStream.pair();
    this.connections.push(new ScriptedConnection(far));
    this.wake();
    return new ConnectSocket({ createConnection: () => near });
  };

  /** Waits for the next connection. */
  async accept(): Promise<ScriptedConnection> {
    for (;;) {
      const connection = this.connections.shift();
      if (connection !== undefined) return connection;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}
