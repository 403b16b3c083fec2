import { requireOptionalFunction, requireWholeNumber } from '../arguments';
import { checkWaitOptions, type WaitOptions } from '../async/deadlines';
import { Deferred, rejection } from '../async/deferred';
import { Waiter } from '../async/waiter';
import { CallLostError, type Endpoints, SocketClosedError, SocketError, SocketStateError } from '../errors';
import { RequestIds } from './request_ids';
import { type ClientProtocol, type DecodedResponse, type MessageSocket } from './request_protocol';

/** A response to no call that waits. */
export interface UnmatchedResponse<Response> {
  readonly id: number;
  /** Whether a call with this id was given up, by its deadline or signal. False: no such request was sent. */
  readonly isLate: boolean;
  readonly response: DecodedResponse<Response>;
}

/** The options of a `RequestChannel`. */
export interface RequestChannelOptions<Response> {
  /** The most requests without a response at a time; further calls wait. Default: 1000. */
  readonly maxInFlight?: number | undefined;
  /** Called for each response to no call that waits. Such a response is dropped. A thrown error ends the connection. */
  readonly onUnmatchedResponse?: ((unmatched: UnmatchedResponse<Response>) => void) | undefined;
}

const DEFAULT_MAX_IN_FLIGHT = 1000;
const DEFAULT_MAX_ID = 4_294_967_295;

/** One call, from `call` to its end. */
interface PendingCall<Request, Response> {
  readonly request: Request;
  readonly waiter: Waiter<Response>;
  /** Undefined while it waits for its turn. */
  id: number | undefined;
}

/**
 * Calls over one connection: requests with ids, and responses in any order. It receives from the socket from its
 * construction on; no other code may.
 *
 * **The end of the connection** fails all calls, and every later one. A message that is no response ends the connection,
 * by a reset.
 */
export class RequestChannel<Request, Response, In, Out = In> implements AsyncDisposable {
  private readonly inFlight = new Map<number, PendingCall<Request, Response>>();
  /** The calls that wait for one in flight to end, from the oldest to the newest. */
  private readonly waiting = new Set<PendingCall<Request, Response>>();
  private readonly ids: RequestIds;
  private readonly maxInFlight: number;
  private readonly onUnmatchedResponse: RequestChannelOptions<Response>['onUnmatchedResponse'];
  private readonly endpoints: Endpoints;
  private readonly ended = new Deferred<unknown>();
  private ending: { readonly cause: unknown } | undefined;

  /** @throws RangeError, TypeError an option, or the `maxId` of the protocol, cannot be used. */
  constructor(
    private readonly framed: MessageSocket<In, Out>,
    private readonly protocol: ClientProtocol<Request, Response, In, Out>,
    { maxInFlight = DEFAULT_MAX_IN_FLIGHT, onUnmatchedResponse }: RequestChannelOptions<Response> = {},
  ) {
    const { maxId = DEFAULT_MAX_ID } = protocol;
    requireWholeNumber('maxInFlight', maxInFlight, 1);
    requireWholeNumber('maxId', maxId, 1);
    requireOptionalFunction('onUnmatchedResponse', onUnmatchedResponse);
    this.maxInFlight = maxInFlight;
    this.onUnmatchedResponse = onUnmatchedResponse;
    this.ids = new RequestIds(maxId);
    this.endpoints = { local: framed.socket.localAddress, remote: framed.socket.remoteAddress };
    this.receiveAll().then(
      () => this.end(undefined),
      (error: unknown) => this.end(error),
    );
  }

  /** The number of requests without a response. */
  get callsInFlight(): number {
    return this.inFlight.size;
  }

  /** The number of calls whose requests are not sent yet, because `maxInFlight` others or all ids are in use. */
  get callsWaiting(): number {
    return this.waiting.size;
  }

  /**
   * Resolves, and never rejects, when the connection has ended, and all calls have failed: with the error that ended it,
   * or with undefined after a close on either side.
   */
  get closed(): Promise<unknown> {
    return this.ended.promise;
  }

  /**
   * Sends a request and receives its response. It waits for its turn first, if `maxInFlight` requests have no response.
   * Requests of one turn of the event loop leave together.
   *
   * @throws TimedOutError, AbortedError the call is given up, and others take its place. The peer may carry the request
   * out all the same; its response is then dropped.
   * @throws CallLostError the connection has ended, otherwise than by a close on this side.
   * @throws SocketClosedError this side closed the connection.
   * @throws the error of the response; an error of the protocol or its codec for a request without a message.
   * @throws SocketStateError writing was shut down.
   */
  call(request: Request, options?: WaitOptions): Promise<Response> {
    try {
      checkWaitOptions('call', this.endpoints, options);
      if (this.ending !== undefined) throw this.endError(false);
    } catch (error) {
      return rejection(error);
    }
    const waiter = new Waiter<Response>('call', this.endpoints, options, () => this.giveUp(call));
    const call: PendingCall<Request, Response> = { request, waiter, id: undefined };
    if (this.waiting.size > 0 || !this.begin(call)) this.waiting.add(call);
    return waiter.promise;
  }

  /** Closes the connection: see `StreamSocket.close`. Calls that wait fail with `SocketClosedError`. */
  async close(): Promise<void> {
    await this.framed.socket.close();
    await this.ended.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Sends the request, or fails the call. Returns false if it must wait for its turn. */
  private begin(call: PendingCall<Request, Response>): boolean {
    const id = this.inFlight.size < this.maxInFlight ? this.ids.take() : undefined;
    if (id === undefined) return false;
    call.id = id;
    this.inFlight.set(id, call);
    try {
      const message = this.protocol.encodeRequest(id, call.request);
      this.framed.send(message).catch((error: unknown) => this.onSendFailed(call, error));
    } catch (refused) {
      this.takeOut(id);
      call.waiter.reject(refused);
    }
    return true;
  }

  private beginWaiting(): void {
    for (const call of this.waiting) {
      if (!this.begin(call)) return;
      this.waiting.delete(call);
    }
  }

  /** A request that did not leave. The loss or the close of the connection is left to the receiving side. */
  private onSendFailed(call: PendingCall<Request, Response>, error: unknown): void {
    if (error instanceof SocketError && !(error instanceof SocketStateError)) return;
    if (this.inFlight.get(call.id!) !== call) return;
    this.takeOut(call.id!);
    call.waiter.reject(error);
    this.beginWaiting();
  }

  private giveUp(call: PendingCall<Request, Response>): void {
    if (call.id === undefined) {
      this.waiting.delete(call);
      return;
    }
    this.inFlight.delete(call.id);
    this.ids.abandon(call.id);
    this.beginWaiting();
  }

  private async receiveAll(): Promise<void> {
    for await (const message of this.framed) this.settle(this.protocol.decodeResponse(message));
  }

  private settle(response: DecodedResponse<Response>): void {
    const { id } = response;
    const call = this.inFlight.get(id);
    const isLate = this.takeOut(id);
    if (call === undefined) this.onUnmatchedResponse?.({ id, isLate, response });
    else if ('error' in response) call.waiter.reject(response.error);
    else call.waiter.resolve(response.response);
    this.beginWaiting();
  }

  /** Returns whether the call with this id was given up before. */
  private takeOut(id: number): boolean {
    this.inFlight.delete(id);
    return this.ids.release(id);
  }

  /** @param cause undefined after the peer's end between two messages. */
  private end(cause: unknown): void {
    this.ending = { cause };
    const { socket } = this.framed;
    if (cause !== undefined && !socket.isClosed) socket.reset();
    void socket.close();
    for (const { waiter } of this.inFlight.values()) waiter.reject(this.endError(true));
    for (const { waiter } of this.waiting) waiter.reject(this.endError(false));
    this.inFlight.clear();
    this.waiting.clear();
    this.ended.resolve(cause instanceof SocketClosedError ? undefined : cause);
  }

  private endError(wasSent: boolean): SocketError {
    const { cause } = this.ending!;
    if (cause instanceof SocketClosedError) return new SocketClosedError('call', this.endpoints);
    return new CallLostError(this.endpoints, wasSent, cause);
  }
}
