import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { expect } from 'chai';
import { Hono } from 'hono';
import { ServerActivity } from '../../apps/server/stats/server_activity';
import { SseBroadcaster } from '../../apps/server/status/sse_broadcaster';
import { securityHeaders } from '../../apps/server/status/http/security_headers';
import { ServedHosts } from '../../apps/server/status/http/served_hosts';
import { type StatusApp } from '../../apps/server/status/status_env';
import { BoundedHttpServer, type HttpServerOptions } from '../../apps/server/status/http/http_server';
import { createAggregator } from './memory_readings';

export const HEADERS = securityHeaders("default-src 'none'");
export const LARGE = 'x'.repeat(8_000_000);

/** The bytes of a request. */
export function requestFor(path: string, { method = 'GET', fields = '' } = {}): string {
  return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${fields}\r\n`;
}

export interface Answer {
  readonly status: number;
  readonly headers: Map<string, string>;
  readonly body: string;
}

/** The answers in the received bytes of a connection. Each body has the length of its header. */
export function answersIn(bytes: string, { isHead = false } = {}): Answer[] {
  const answers: Answer[] = [];
  for (let rest = bytes; rest !== '';) {
    const end = rest.indexOf('\r\n\r\n') + 4;
    expect(end, rest.slice(0, 200)).to.be.at.least(4);
    const [line, ...fields] = rest.slice(0, end - 4).split('\r\n');
    const headers = new Map(
      fields.map((field) => {
        const colon = field.indexOf(': ');
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 2)];
      }),
    );
    const length = isHead ? 0 : Number(headers.get('content-length') ?? 0);
    answers.push({ status: Number(line!.split(' ')[1]), headers, body: rest.slice(end, end + length) });
    rest = rest.slice(end + length);
  }
  return answers;
}

/**
 * A status server with test endpoints: `/now` answers at once, `/held` after `answerHeld()`, `/large` with more bytes
 * than the kernel buffers for a connection, and `/page` is a page. Its clients send bytes over plain sockets.
 */
export class TestStatusServer {
  /** The requests received by the endpoints, as `METHOD /path`. */
  readonly seen: string[] = [];
  readonly stream = new SseBroadcaster(createAggregator(new ServerActivity(), 3));
  /** Resolves at the request for `/held`. */
  readonly heldIsAsked: Promise<void>;
  answerHeld: () => void = () => {};
  port = 0;
  url = '';
  private readonly sockets: Socket[] = [];
  private readonly server: BoundedHttpServer;
  private onHeldAsked: () => void = () => {};

  private constructor(more: Partial<HttpServerOptions>) {
    this.heldIsAsked = new Promise((resolve) => (this.onHeldAsked = resolve));
    this.server = new BoundedHttpServer({
      fetch: this.createApp().fetch,
      headers: HEADERS,
      hosts: new ServedHosts([]),
      maxConnections: 100,
      isPage: (response) => this.stream.has(response),
      onError: (error) => {
        throw error;
      },
      ...more,
    });
  }

  /** Starts a server on a free port of the loopback interface, or on `port`. */
  static async start(more: Partial<HttpServerOptions> = {}, port = 0): Promise<TestStatusServer> {
    const started = new TestStatusServer(more);
    started.url = await started.server.listen(port, '127.0.0.1');
    started.port = Number(new URL(started.url).port);
    return started;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await this.server.close();
  }

  async dial(bytes = ''): Promise<Socket> {
    const socket = connect({ port: this.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    socket.on('error', () => {});
    this.sockets.push(socket);
    await once(socket, 'connect');
    if (bytes !== '') socket.write(bytes);
    return socket;
  }

  /** Sends the pieces, each after the write of the previous one. Returns all bytes up to the server's end. */
  async exchange(...pieces: string[]): Promise<string> {
    const socket = await this.dial();
    const answer = text(socket);
    for (const piece of pieces) await new Promise((resolve) => socket.write(piece, 'latin1', resolve));
    return answer;
  }

  private createApp(): StatusApp {
    const app: StatusApp = new Hono();
    const isAnswered = new Promise<void>((resolve) => (this.answerHeld = resolve));
    app.use(async (context, next) => {
      this.seen.push(`${context.req.method} ${context.req.path}`);
      await next();
    });
    app.get('/now', (context) => context.text('now\n'));
    app.get('/held', async (context) => {
      this.onHeldAsked();
      await isAnswered;
      return context.text('held\n');
    });
    app.post('/form', async (context) => context.text(`form: ${await context.req.text()}\n`));
    app.get('/large', (context) => context.text(LARGE));
    app.get('/page', (context) => {
      const { outgoing } = context.env;
      outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
      this.stream.add(outgoing);
      return RESPONSE_ALREADY_SENT;
    });
    return app;
  }
}

/** The next bytes of a connection, up to `endsWith`. */
export async function nextAnswer(socket: Socket, endsWith: string): Promise<string> {
  let bytes = '';
  while (!bytes.endsWith(endsWith)) {
    const [chunk] = (await once(socket, 'data', { signal: AbortSignal.timeout(5_000) })) as [Buffer];
    bytes += chunk.toString('latin1');
  }
  return bytes;
}
