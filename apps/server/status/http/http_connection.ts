import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type Address } from '../../../../lib/index';
import { RequestHead } from './request_head';

/**
 * The phases of a connection: accepted without bytes so far, receiving the head of a request, sending the response,
 * idle after a response, and ending after the last byte.
 */
export type ConnectionPhase = 'accepted' | 'head' | 'answer' | 'idle' | 'end';

/**
 * A connection in front of Node's HTTP parser, in place of the socket. The parser reads all requests of a chunk at
 * once, thousands in 64 KiB, and each is served. This stream passes one head at a time, and nothing during a response.
 * Further bytes in that time, a request or a body, are not read, and the response is the connection's last one. RFC
 * 9112, section 9.3.2, lets a client repeat unanswered requests. `readBody` makes an exception for a body of known length.
 */
export class HttpConnection extends Duplex {
  private head = new RequestHead();
  private isLast = false;
  /** The number of bytes that are still missing of a body that is read. */
  private missingBody = 0;
  private inFlight: ServerResponse | undefined;
  private currentPhase: ConnectionPhase = 'accepted';
  private phaseStartedAt = performance.now();

  constructor(private readonly socket: Socket) {
    super({ decodeStrings: false });
    socket.on('data', (chunk) => this.receive(chunk));
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  get phase(): ConnectionPhase {
    return this.currentPhase;
  }

  /** The beginning of the phase, in milliseconds of `performance.now()`. */
  get since(): number {
    return this.phaseStartedAt;
  }

  /** The response in flight. */
  get response(): ServerResponse | undefined {
    return this.inFlight;
  }

  get remoteAddress(): Address | undefined {
    const { remoteAddress: host, remotePort: port } = this.socket;
    return host === undefined || port === undefined ? undefined : { host, port };
  }

  /** Registers the request of the last head, and its response. */
  setResponse(request: IncomingMessage, response: ServerResponse): void {
    this.inFlight = response;
    response.once('close', () => this.release());
    const { headers } = request;
    // The body is not read, so the start of the next request is unknown.
    if ((headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined) this.isLast = true;
    this.setConnectionClose();
  }

  /** Passes the body of the last head to the parser, up to its length. */
  readBody(length: number): void {
    this.missingBody = length;
  }

  /** Responds to bytes that are no request, and ends the connection. */
  refuse(answer: string): void {
    this.stopReading();
    this.end(answer);
  }

  private receive(chunk: Buffer): void {
    if (this.missingBody > 0) return this.receiveBody(chunk);
    if (this.isLast || this.phase === 'answer' || this.phase === 'end') return this.stopReading();
    if (this.phase !== 'head') this.enter('head');
    const end = this.head.endIn(chunk);
    if (end === undefined) {
      this.push(chunk);
      return;
    }
    this.head = new RequestHead();
    this.enter('answer');
    const rest = chunk.subarray(end);
    if (rest.length > 0) this.isLast = true;
    // The parser handles the request at once, so `readBody` comes before the rest.
    this.push(chunk.subarray(0, end));
    if (rest.length > 0) this.receiveBody(rest);
  }

  private receiveBody(chunk: Buffer): void {
    const body = chunk.subarray(0, this.missingBody);
    this.missingBody -= body.length;
    if (body.length > 0) this.push(body);
    if (body.length < chunk.length) this.stopReading();
  }

  private stopReading(): void {
    this.isLast = true;
    this.socket.pause();
    this.setConnectionClose();
  }

  private setConnectionClose(): void {
    if (this.isLast && this.inFlight?.headersSent === false) this.inFlight.setHeader('Connection', 'close');
  }

  private release(): void {
    this.inFlight = undefined;
    if (this.isLast) this.end();
    else this.enter('idle');
  }

  private enter(phase: ConnectionPhase): void {
    if (this.currentPhase === 'end') return;
    this.currentPhase = phase;
    this.phaseStartedAt = performance.now();
  }

  /** The socket's bytes are pushed on arrival; at most one head is buffered. */
  override _read(): void {}

  override _write(chunk: string | Buffer, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.socket.write(chunk, encoding, callback);
  }

  override _writev(
    chunks: readonly { chunk: string | Buffer; encoding: BufferEncoding }[],
    callback: (error?: Error | null) => void,
  ): void {
    // The head and the body of a response leave in one packet.
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
