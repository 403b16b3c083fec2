import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

const DEADLINE_MS = 5_000;

/** The header of a message: its type, and its length in six bytes, little-endian. */
export function header(type: string, length: number): Buffer {
  const bytes = Buffer.alloc(7);
  bytes.write(type, 'latin1');
  for (let index = 1, rest = length; index < 7; index++, rest = Math.floor(rest / 256)) bytes[index] = rest % 256;
  return bytes;
}

/** A message with its header. */
export function message(type: string, value: string | Uint8Array = ''): Buffer {
  const bytes = Buffer.from(value as string, 'utf8');
  return Buffer.concat([header(type, bytes.length), bytes]);
}

/**
 * An agency on a plain socket, written from the text of the protocol alone. It uses nothing of the library and the
 * apps, and sends any bytes.
 */
export class WireClient {
  private received = Buffer.alloc(0);
  private hasEnded = false;
  private failure: Error | undefined;
  private wake: () => void = () => {};

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
    socket.on('end', () => {
      this.hasEnded = true;
      this.wake();
    });
    socket.on('error', (error) => {
      this.failure = error;
      this.wake();
    });
  }

  static async connect(port: number, localAddress = '127.0.0.1'): Promise<WireClient> {
    const socket = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true, noDelay: true });
    const client = new WireClient(socket);
    await once(socket, 'connect');
    return client;
  }

  /** Connects by TLS, without a check of the server's certificate. */
  static async connectTls(port: number, tls: ConnectionOptions): Promise<WireClient> {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...tls });
    const client = new WireClient(socket);
    await once(socket, 'secureConnect');
    return client;
  }

  write(...parts: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  send(type: string, value: string | Uint8Array = ''): void {
    this.write(message(type, value));
  }

  /** Sends a message. Returns the server's next one. */
  async ask(type: string, value: string | Uint8Array = ''): Promise<string> {
    this.send(type, value);
    return this.next();
  }

  /** The next message as `TYPE value`, or `end` after the end of the server's side. */
  async next(deadlineMs = DEADLINE_MS): Promise<string> {
    const timer = setTimeout(() => {
      this.failure = new Error(`no message of the server within ${deadlineMs} ms`);
      this.wake();
    }, deadlineMs);
    try {
      for (;;) {
        const message = this.take();
        if (message !== undefined) return message;
        if (this.failure !== undefined) throw this.failure;
        if (this.hasEnded) {
          if (this.received.length > 0) throw new Error('the server ended in the middle of a message');
          return 'end';
        }
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** All messages up to the server's end. Then this side ends too. */
  async rest(deadlineMs = DEADLINE_MS): Promise<string[]> {
    const messages: string[] = [];
    for (let message = await this.next(deadlineMs); message !== 'end'; message = await this.next(deadlineMs)) {
      messages.push(message);
    }
    this.socket.end();
    return messages;
  }

  /** Ends this side of the connection. */
  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private take(): string | undefined {
    if (this.received.length < 7) return undefined;
    let length = 0;
    for (let index = 6; index >= 1; index--) length = length * 256 + this.received[index]!;
    if (length > 8192) throw new Error(`the server sent a value of ${length} bytes`);
    if (this.received.length < 7 + length) return undefined;
    const type = String.fromCharCode(this.received[0]!);
    const value = this.received.toString('utf8', 7, 7 + length);
    this.received = this.received.subarray(7 + length);
    return `${type} ${value}`.trimEnd();
  }
}
