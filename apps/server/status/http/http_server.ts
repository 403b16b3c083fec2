import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { type Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { formatAddress } from '../../../../lib/index';
import { HttpConnection } from './http_connection';
import { OpenConnections, PHASE_LIMITS, type PhaseLimits } from './open_connections';
import { type Refusal, type RefusalKind, refusalHeaders, REFUSALS, refusalText } from './refusals';
import { type ServedHosts } from './served_hosts';
import { type StatusApp } from '../status_app';

/** The parts of a status server. */
export interface StatusServerParts {
  readonly fetch: StatusApp['fetch'];
  /** The headers of every answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** The hosts whose requests get to the endpoints. */
  readonly hosts: ServedHosts;
  /** Connections at once, pages included. */
  readonly mostConnections: number;
  /** Whether the response is an open page. */
  readonly isPage: (response: ServerResponse) => boolean;
  /** Called with the error of an accept(2) that failed. */
  readonly onError: (error: Error) => void;
  readonly limits?: PhaseLimits;
}

/** How often the phases of the connections are compared with their limits. */
const LOOK_MS = 1_000;

/**
 * The HTTP server of the status side. Connections are bounded in number and in time, each has one request in flight at
 * most, its host must be one that is served, and all answers have the same headers.
 */
export class BoundedHttpServer {
  private readonly listener = createTcpServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.accept(socket));
  /** The parser. It does not listen, and so has no limits in time of its own: those of OpenConnections hold. */
  private readonly http = createHttpServer({ requireHostHeader: false, keepAliveTimeout: PHASE_LIMITS.idle });
  private readonly respond: ReturnType<typeof getRequestListener>;
  private readonly connections: OpenConnections;
  private looking: NodeJS.Timeout | undefined;

  constructor(private readonly parts: StatusServerParts) {
    // The standard Request and Response stay the process's own: the adaptor would replace them with its own for everyone.
    // Bodies do not reach it, so there are none to clean up. The app has its own answer to an error of its own.
    this.respond = getRequestListener(parts.fetch, {
      overrideGlobalObjects: false,
      autoCleanupIncoming: false,
      hostname: 'localhost',
      errorHandler: () => new Response(REFUSALS.noPath.line, REFUSALS.noPath),
    });
    this.connections = new OpenConnections(parts.mostConnections, parts.isPage, parts.limits);
    // Expectations change nothing about an answer (RFC 9110, section 10.1.1).
    for (const event of ['request', 'checkContinue', 'checkExpectation']) {
      this.http.on(event, (request: IncomingMessage, response: ServerResponse) => this.answer(request, response));
    }
    this.http.on('clientError', (error: NodeJS.ErrnoException, connection) => {
      this.refuse(connection, error.code === 'HPE_HEADER_OVERFLOW' ? 'longHead' : 'noHttp');
    });
    this.http.on('connect', (_, connection) => this.refuse(connection, 'tunnel'));
  }

  /**
   * Listens, and resolves with the URL.
   *
   * @throws the error of listen(2), its port in use for one.
   */
  async listen(port: number, host: string): Promise<string> {
    this.listener.listen({ host, port });
    await once(this.listener, 'listening');
    this.listener.on('error', this.parts.onError);
    this.looking = setInterval(() => this.endOverdue(), LOOK_MS);
    const { address, port: bound } = this.listener.address() as AddressInfo;
    return `http://${formatAddress({ host: address, port: bound })}/`;
  }

  /** Ends every connection; what was written in this turn is sent first, as far as its reader takes it. */
  async close(): Promise<void> {
    clearInterval(this.looking);
    const closed = once(this.listener, 'close');
    this.listener.close();
    setImmediate(() => this.connections.closeAll());
    await closed;
  }

  private accept(socket: Socket): void {
    const connection = new HttpConnection(socket);
    this.connections.add(connection);
    this.http.emit('connection', connection);
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    // The parser was given the connection in place of a socket.
    const connection = request.socket as Duplex as HttpConnection;
    connection.begin(request, response);
    for (const [name, value] of Object.entries(this.parts.headers)) response.setHeader(name, value);
    const refusal = this.refusalOf(request);
    if (refusal !== undefined) {
      response.writeHead(refusal.status, refusalHeaders(refusal)).end(refusal.line);
      return;
    }
    // The adaptor makes a URL of it, of which the path alone is of use, and takes not every spelling of an address.
    request.headers.host = 'localhost';
    void this.respond(request, response);
  }

  private refusalOf(request: IncomingMessage): Refusal | undefined {
    const hosts = request.headersDistinct['host'] ?? [];
    // RFC 9112, section 3.2.
    if (hosts.length > 1 || (hosts.length === 0 && request.httpVersion === '1.1')) return REFUSALS.noHost;
    return this.parts.hosts.serves(hostOf(request)) ? undefined : REFUSALS.foreignHost;
  }

  private refuse(stream: Duplex, kind: RefusalKind): void {
    const connection = stream as HttpConnection;
    // What follows a part of a response would be read as the rest of it.
    if (connection.response !== undefined) connection.destroy();
    else if (connection.writable) connection.refuse(refusalText(kind, this.parts.headers));
  }

  private endOverdue(): void {
    for (const connection of this.connections.overdue()) {
      if (connection.phase === 'head') this.refuse(connection, 'slowHead');
      else connection.destroy();
    }
  }
}

/** The host of the target where the target is a whole URL, else that of the header (RFC 9112, section 3.2.2). */
function hostOf({ url, headers }: IncomingMessage): string {
  if (url!.startsWith('/') || !URL.canParse(url!)) return headers.host ?? '';
  return new URL(url!).host;
}
