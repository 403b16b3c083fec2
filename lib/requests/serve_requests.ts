import { requireWholeNumber } from '../arguments';
import { type ReceiveOptions, requireWaitOptions } from '../async/deadlines';
import { Deferred } from '../async/deferred';
import { AbortedError, TimedOutError } from '../errors';
import { FrameRefusedError } from '../framing/errors';
import { type MessageSocket, type ServerProtocol } from './request_protocol';

/**
 * Carries a request out.
 *
 * @param signal fires when the response cannot be sent any more: the connection has ended.
 * @throws any error: the client gets `encodeFailure` of it, and the connection goes on.
 */
export type RequestHandler<Request, Response> = (request: Request, signal: AbortSignal) => Response | Promise<Response>;

/** The options of `serveRequests`. */
export interface ServeRequestsOptions extends Pick<ReceiveOptions, 'messageTimeoutMs'> {
  /** The most requests of the connection that are carried out at a time; no further one is received. Default: 16. */
  readonly maxConcurrent?: number | undefined;
  /** Milliseconds without a request, and without one under way. Default: no limit. */
  readonly idleTimeoutMs?: number | undefined;
  /** Stops the service in order: no further request is received, and those under way are responded to. */
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_MAX_CONCURRENT = 16;

/**
 * Receives requests, carries them out by `handler`, several at a time, and sends each response as soon as it is there.
 * It does not close the connection.
 *
 * A client that does not read its responses is not served further: its requests stay in the socket.
 *
 * @returns when the client has ended its side, or `signal` has fired, and all responses are sent.
 * @throws the error of the connection, an `UnexpectedEofError` or a `TimedOutError` of the two clocks for instance.
 * @throws the error of a message that is no request, or of a failure without a message.
 * @throws RangeError, TypeError an option cannot be used.
 *
 * Before it throws, the signal of the handlers has fired, and all of them have ended.
 */
export async function serveRequests<Request, Response, In, Out = In, Id = number>(
  framed: MessageSocket<In, Out>,
  protocol: ServerProtocol<Request, Response, In, Out, Id>,
  handler: RequestHandler<Request, Response>,
  options: ServeRequestsOptions = {},
): Promise<void> {
  requireWholeNumber('maxConcurrent', options.maxConcurrent ?? 1, 1);
  requireWaitOptions(options);
  await new RequestService(framed, protocol, handler, options).run();
}

class RequestService<Request, Response, In, Out, Id> {
  private readonly running = new Set<Promise<void>>();
  private readonly controller = new AbortController();
  private readonly maxConcurrent: number;
  private freed: Deferred<void> | undefined;
  /** Since when no request is under way, by `performance.now()`. */
  private idleSince = performance.now();
  private failure: { readonly error: unknown } | undefined;

  constructor(
    private readonly framed: MessageSocket<In, Out>,
    private readonly protocol: ServerProtocol<Request, Response, In, Out, Id>,
    private readonly handler: RequestHandler<Request, Response>,
    private readonly options: ServeRequestsOptions,
  ) {
    this.maxConcurrent = options.maxConcurrent ?? DEFAULT_MAX_CONCURRENT;
    void framed.socket.closed.then((loss) => this.controller.abort(loss));
  }

  async run(): Promise<void> {
    try {
      await this.receiveAll();
    } catch (error) {
      this.fail(error);
    }
    await Promise.all(this.running);
    if (this.failure !== undefined) throw this.failure.error;
  }

  private async receiveAll(): Promise<void> {
    for (;;) {
      while (this.running.size >= this.maxConcurrent) await (this.freed = new Deferred<void>()).promise;
      const message = await this.receive();
      if (message === null) return;
      const { id, request } = this.protocol.decodeRequest(message);
      this.start(this.respond(id, request));
    }
  }

  /** The next request; `null` after the client's end, after the signal, and after a response that was not sent. */
  private async receive(): Promise<In | null> {
    const { messageTimeoutMs, signal } = this.options;
    while (this.failure === undefined && signal?.aborted !== true) {
      const idleTimeoutMs = this.idleTimeLeft();
      try {
        return await this.framed.receive({ messageTimeoutMs, idleTimeoutMs, signal });
      } catch (error) {
        if (!(error instanceof AbortedError || this.isWhileWorking(error))) throw error;
      }
    }
    return null;
  }

  private idleTimeLeft(): number | undefined {
    const { idleTimeoutMs } = this.options;
    if (idleTimeoutMs === undefined || this.running.size > 0) return idleTimeoutMs;
    return Math.max(0, idleTimeoutMs - (performance.now() - this.idleSince));
  }

  /** Whether the idle clock has expired though a request was under way meanwhile. */
  private isWhileWorking(error: unknown): boolean {
    if (!(error instanceof TimedOutError) || error.clock !== 'idle') return false;
    return this.running.size > 0 || this.idleTimeLeft()! > 0;
  }

  /** @param responding never rejects. */
  private start(responding: Promise<void>): void {
    const task = responding.then(() => {
      this.running.delete(task);
      this.idleSince = performance.now();
      this.freed?.resolve();
    });
    this.running.add(task);
  }

  private async respond(id: Id, request: Request): Promise<void> {
    try {
      await this.send(await this.responseTo(id, request)).catch((error: unknown) => {
        // The response has no message: it is too long, for instance.
        if (!(error instanceof FrameRefusedError)) throw error;
        return this.send(this.protocol.encodeFailure(id, error));
      });
    } catch (error) {
      this.fail(error);
    }
  }

  private async responseTo(id: Id, request: Request): Promise<Out | undefined> {
    try {
      return this.protocol.encodeResponse(id, await this.handler(request, this.controller.signal));
    } catch (error) {
      return this.protocol.encodeFailure(id, error);
    }
  }

  private send(message: Out | undefined): Promise<void> {
    return message === undefined ? Promise.resolve() : this.framed.send(message);
  }

  /** The first failure counts. It ends the waiting read and the handlers. */
  private fail(error: unknown): void {
    this.failure ??= { error };
    this.controller.abort(error);
    this.framed.socket.cancelRead(error);
  }
}
