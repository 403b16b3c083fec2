import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { RequestHead } from './request_head';

/**
 * The phases of a connection: it is accepted, and nothing has come; the head of a request comes; the response is in
 * flight; it is idle after a response; it has sent everything and ends.
 */
export type ConnectionPhase = 'accepted' | 'head' | 'answer' | 'idle' | 'end';

/**
 * A connection as HTTP's parser sees it, in place of the socket. Node's parser reads all the requests of a chunk at once,
 * and each of them is served: a chunk of 64 KiB holds thousands. This stream gives the parser one head at a time, and
 * nothing while its response is in flight. Bytes that come meanwhile, a further request or a body, are not read: the
 * response is then the connection's last one (RFC 9112, section 9.3.2, has a client repeat what was not answered).
 */
export class HttpConnection extends Duplex {
  private head = new RequestHead();
  private isLast = false;
  private inFlight: ServerResponse | undefined;
  private now: ConnectionPhase = 'accepted';
  private begunAt = performance.now();

  constructor(private readonly socket: Socket) {
    super({ decodeStrings: false });
    socket.on('data', (chunk) => this.receive(chunk));
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  get phase(): ConnectionPhase {
    return this.now;
  }

  /** When the phase began, in the milliseconds of `performance.now()`. */
  get since(): number {
    return this.begunAt;
  }

  /** The response that is in flight. */
  get response(): ServerResponse | undefined {
    return this.inFlight;
  }

  /** Takes note of the request whose head was handed out last, and of its response. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    this.inFlight = response;
    response.once('close', () => this.release());
    const { headers } = request;
    // A body is not read, so there is no telling where the request behind it begins.
    if ((headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined) this.isLast = true;
    this.announceEnd();
  }

  /** Answers what is no request at all, and ends. */
  refuse(answer: string): void {
    this.takeNoMore();
    this.end(answer);
  }

  private receive(chunk: Buffer): void {
    if (this.isLast || this.phase === 'answer' || this.phase === 'end') return this.takeNoMore();
    if (this.phase !== 'head') this.enter('head');
    const end = this.head.endIn(chunk);
    if (end === undefined) {
      this.push(chunk);
      return;
    }
    this.head = new RequestHead();
    this.enter('answer');
    if (end < chunk.length) this.takeNoMore();
    this.push(chunk.subarray(0, end));
  }

  private takeNoMore(): void {
    this.isLast = true;
    this.socket.pause();
    this.announceEnd();
  }

  private announceEnd(): void {
    if (this.isLast && this.inFlight?.headersSent === false) this.inFlight.setHeader('Connection', 'close');
  }

  private release(): void {
    this.inFlight = undefined;
    if (this.isLast) this.end();
    else this.enter('idle');
  }

  private enter(phase: ConnectionPhase): void {
    if (this.now === 'end') return;
    this.now = phase;
    this.begunAt = performance.now();
  }

  /** The socket's bytes are pushed as they come: no more than a head of them waits here. */
  override _read(): void {}

  override _write(chunk: string | Buffer, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.socket.write(chunk, encoding, callback);
  }

  override _writev(
    chunks: readonly { chunk: string | Buffer; encoding: BufferEncoding }[],
    callback: (error?: Error | null) => void,
  ): void {
    // The head and the body of an answer leave in one packet.
    this.socket.cork();
    for (const [index, { chunk, encoding }] of chunks.entries()) {
      this.socket.write(chunk, encoding, index === chunks.length - 1 ? callback : undefined);
    }
    this.socket.uncork();
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.enter('end');
    this.socket.end(callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.socket.destroy();
    callback(error);
  }
}
