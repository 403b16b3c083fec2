import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { type Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { formatAddress } from '../../../../lib/index';
import { HttpConnection } from './http_connection';
import { OpenConnections, PHASE_LIMITS, type PhaseLimits } from './open_connections';
import { type Refusal, type RefusalKind, refusalHeaders, REFUSALS, refusalText } from './refusals';
import { isFromOtherSite } from './request_origin';
import { type ServedHosts } from './served_hosts';
import { type TlsSockets } from './tls_sockets';
import { type StatusApp } from '../status_env';

/** The parts of an HTTP server. */
export interface HttpServerOptions {
  readonly fetch: StatusApp['fetch'];
  /** The headers of every response. */
  readonly headers: Readonly<Record<string, string>>;
  /** The hosts whose requests reach the endpoints. */
  readonly hosts: ServedHosts;
  /** The maximum number of connections, pages included. */
  readonly maxConnections: number;
  /** Whether the response is an open page. */
  readonly isPage: (response: ServerResponse) => boolean;
  /** The listener for errors of accept(2). */
  readonly onError: (error: Error) => void;
  readonly limits?: PhaseLimits;
  /** With it, the connections are TLS. */
  readonly tls?: TlsSockets | undefined;
  /** Whether the endpoints receive forms: `POST` with a small body. Other bodies are never read. */
  readonly forms?: boolean | undefined;
}

/** The longest body of a form. */
const MAX_FORM_BYTES = 2048;

/** The interval between two checks of the time limits. */
const LIMIT_CHECK_MS = 1_000;

/**
 * An HTTP server with bounds: the number and the phases of its connections are limited, each connection has at most one
 * request in flight, only known hosts are served, and all responses share their headers.
 */
export class BoundedHttpServer {
  private readonly listener = createTcpServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.accept(socket));
  /** The parser. It does not listen, so its own time limits do not apply; OpenConnections enforces them. */
  private readonly http = createHttpServer({ requireHostHeader: false, keepAliveTimeout: PHASE_LIMITS.idle });
  private readonly respond: ReturnType<typeof getRequestListener>;
  private readonly connections: OpenConnections;
  private limitTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: HttpServerOptions) {
    // The adaptor must not replace the process's global Request and Response. Bodies do not reach it, so it has none to
    // clean up. The app handles its own errors.
    this.respond = getRequestListener(options.fetch, {
      overrideGlobalObjects: false,
      autoCleanupIncoming: false,
      hostname: 'localhost',
      errorHandler: () => new Response(REFUSALS.noPath.body, REFUSALS.noPath),
    });
    this.connections = new OpenConnections(options.maxConnections, options.isPage, options.limits);
    // Expectations do not change the response (RFC 9110, section 10.1.1).
    for (const event of ['request', 'checkContinue', 'checkExpectation']) {
      this.http.on(event, (request: IncomingMessage, response: ServerResponse) => this.handle(request, response));
    }
    this.http.on('clientError', (error: NodeJS.ErrnoException, connection) => {
      this.refuse(connection, error.code === 'HPE_HEADER_OVERFLOW' ? 'longHead' : 'noHttp');
    });
    this.http.on('connect', (_, connection) => this.refuse(connection, 'tunnel'));
  }

  /**
   * Listens. Resolves with the URL.
   *
   * @throws the error of listen(2), for example for a port in use.
   */
  async listen(port: number, host: string): Promise<string> {
    this.listener.listen({ host, port });
    await once(this.listener, 'listening');
    this.listener.on('error', this.options.onError);
    this.limitTimer = setInterval(() => this.endOverdue(), LIMIT_CHECK_MS);
    const { address, port: bound } = this.listener.address() as AddressInfo;
    const scheme = this.options.tls === undefined ? 'http' : 'https';
    return `${scheme}://${formatAddress({ host: address, port: bound })}/`;
  }

  /** Closes every connection, after the bytes written in this turn, as far as the peer receives them. */
  async close(): Promise<void> {
    clearInterval(this.limitTimer);
    const closed = once(this.listener, 'close');
    this.listener.close();
    setImmediate(() => this.connections.closeAll());
    await closed;
  }

  private accept(socket: Socket): void {
    const { tls } = this.options;
    // A connection counts from here on, so its first phase includes the handshake.
    const connection = new HttpConnection(tls === undefined ? socket : tls.secure(socket));
    this.connections.add(connection);
    this.http.emit('connection', connection);
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    // The parser received the connection in place of a socket.
    const connection = request.socket as Duplex as HttpConnection;
    connection.setResponse(request, response);
    for (const [name, value] of Object.entries(this.options.headers)) response.setHeader(name, value);
    const refusal = this.refusalOf(request);
    if (refusal !== undefined) {
      response.writeHead(refusal.status, refusalHeaders(refusal)).end(refusal.body);
      return;
    }
    if (isForm(request) && this.options.forms === true) connection.readBody(bodyLength(request));
    // The adaptor builds a URL from the host and rejects some spellings of an address. Only the path of that URL is
    // used.
    request.headers.host = 'localhost';
    void this.respond(request, response);
  }

  private refusalOf(request: IncomingMessage): Refusal | undefined {
    const hosts = request.headersDistinct['host'] ?? [];
    // RFC 9112, section 3.2.
    if (hosts.length > 1 || (hosts.length === 0 && request.httpVersion === '1.1')) return REFUSALS.noHost;
    if (!this.options.hosts.serves(hostOf(request))) return REFUSALS.foreignHost;
    return this.options.forms === true && isForm(request) ? formRefusal(request) : undefined;
  }

  private refuse(stream: Duplex, kind: RefusalKind): void {
    const connection = stream as HttpConnection;
    // Bytes behind a partial response would be read as its continuation.
    if (connection.response !== undefined) connection.destroy();
    else if (connection.writable) connection.refuse(refusalText(kind, this.options.headers));
  }

  private endOverdue(): void {
    for (const connection of this.connections.overdue()) {
      if (connection.phase === 'head') this.refuse(connection, 'slowHead');
      else connection.destroy();
    }
  }
}

function isForm({ method }: IncomingMessage): boolean {
  return method === 'POST';
}

function formRefusal(request: IncomingMessage): Refusal | undefined {
  if (isFromOtherSite(request.headers, hostOf(request))) return REFUSALS.otherSite;
  if (request.headers['transfer-encoding'] !== undefined) return REFUSALS.noLength;
  return bodyLength(request) > MAX_FORM_BYTES ? REFUSALS.longBody : undefined;
}

function bodyLength({ headers }: IncomingMessage): number {
  return Number(headers['content-length'] ?? 0);
}

/** The host of an absolute target, otherwise of the header (RFC 9112, section 3.2.2). */
function hostOf({ url, headers }: IncomingMessage): string {
  if (url!.startsWith('/') || !URL.canParse(url!)) return headers.host ?? '';
  return new URL(url!).host;
}
