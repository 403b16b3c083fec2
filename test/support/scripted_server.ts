import { ConnectSocket, MessageChannel, PeerSocket } from '../../lib/index';
import { MemoryStream } from '../../lib/testing/index';
import { createServerCodec, type LotteryMessage, textMessage } from '../../apps/lottery/protocol';

/** One connection of an agency, from the side of a server that does what a test says. */
export class ScriptedConnection {
  private readonly channel: MessageChannel<LotteryMessage>;

  constructor(private readonly stream: MemoryStream) {
    this.channel = new MessageChannel(new PeerSocket(stream), createServerCodec());
  }

  /** The agency's next message as `TYPE value`; `end` where it has ended its side. */
  async next(): Promise<string> {
    const message = await this.channel.receive({ timeoutMs: 5_000 });
    return message === null ? 'end' : `${message.type} ${Buffer.from(message.value).toString('utf8')}`.trimEnd();
  }

  /** The message that has come already, if one has. */
  pending(): string | undefined {
    const message = this.channel.tryReceive();
    return message && `${message.type} ${Buffer.from(message.value).toString('utf8')}`.trimEnd();
  }

  respond(type: string, text = ''): void {
    void this.channel.send(textMessage(type, text)).catch(() => {});
  }

  /** Ends the connection once all answers have left, as a server does that says goodbye. */
  async close(): Promise<void> {
    await this.channel.socket.drainAndClose({ timeoutMs: 2_000 });
  }

  /** Breaks it. */
  reset(): void {
    this.stream.resetAndDestroy();
  }
}

/** Takes an agency's connections one after the other, in memory. `refuse` makes so many connections fail first. */
export class ScriptedServer {
  /** How many connections were tried. */
  attempts = 0;
  refuse = 0;
  private readonly connections: ScriptedConnection[] = [];
  private wake: () => void = () => {};

  /** What the agency makes its sockets with. */
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

  /** The next connection that is made. */
  async accept(): Promise<ScriptedConnection> {
    for (;;) {
      const connection = this.connections.shift();
      if (connection !== undefined) return connection;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}
