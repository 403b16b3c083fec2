import { FramedSocket, LineCodec, type StreamSocket, utf8Text } from '../lib/index'; // for you: 'sockwright'

export interface ChatOptions {
  /** The longest line of a guest in bytes, its end included. */
  readonly maxLineBytes: number;
  /** A guest with more unsent bytes reads too slowly, and is dropped: the others do not wait for it. */
  readonly maxUnsentBytes: number;
  /** The time for a name, and for a line from its first byte to its last, in milliseconds. */
  readonly timeoutMs: number;
}

type Guest = FramedSocket<string>;

const NAME = /^\w{1,20}$/;
/** Space for a name in front of a line. */
const NAME_BYTES = 30;

/** The guests of a chat, by their names. Every line of a guest goes to all others, and so does its coming and going. */
export class ChatRoom {
  private readonly guests = new Map<string, Guest>();
  private readonly codec: LineCodec<string>;

  constructor(private readonly options: ChatOptions) {
    const maxLineBytes = options.maxLineBytes + NAME_BYTES;
    this.codec = new LineCodec({ maxLineBytes, trimCarriageReturn: true }, utf8Text);
  }

  /** Serves one guest, until it ends or the signal fires. */
  async serve(peer: StreamSocket, signal: AbortSignal): Promise<void> {
    const guest = new FramedSocket(peer, this.codec, { maxFrameBytes: this.options.maxLineBytes });
    const name = await this.join(guest, signal);
    if (name === null) return;
    try {
      for (;;) {
        const line = await guest.receive({ messageTimeoutMs: this.options.timeoutMs, signal });
        if (line === null) return;
        // Without control characters, which would reach the terminals of the others.
        this.sendToOthers(name, `${name}: ${line.replace(/\p{Cc}/gu, '')}`);
      }
    } finally {
      this.guests.delete(name);
      this.sendToOthers(name, `* ${name} has left`);
    }
  }

  /** Receives a name that is free, and adds the guest. Gives `null` if the guest ends before that. */
  private async join(guest: Guest, signal: AbortSignal): Promise<string | null> {
    const { timeoutMs } = this.options;
    for (;;) {
      const name = await guest.receive({ timeoutMs, signal });
      if (name === null) return null;
      if (NAME.test(name) && !this.guests.has(name)) {
        void guest.send(`* guests before you: ${this.guests.size}`);
        this.guests.set(name, guest);
        this.sendToOthers(name, `* ${name} has joined`);
        return name;
      }
      await guest.send('* choose a name that is free, of 1 to 20 letters and digits', { timeoutMs, signal });
    }
  }

  /** Sends a line, encoded once, to all guests but one. It waits for none of them. */
  private sendToOthers(name: string, line: string): void {
    const frame = this.codec.encode(line);
    for (const [other, { socket }] of this.guests) {
      if (other === name) continue;
      void socket.sendAll(frame); // a loss ends the `receive` of that guest
      if (socket.unsentBytes > this.options.maxUnsentBytes) socket.reset();
    }
  }
}
