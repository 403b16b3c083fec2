import { type ReceiveOptions } from '../async/deadlines';
import { type StreamSocket } from '../sockets/stream_socket';

/** A socket with messages in both directions, as a `FramedSocket` is one. */
export interface MessageSocket<In, Out> extends AsyncIterable<In> {
  readonly socket: StreamSocket;
  send(message: Out): Promise<void>;
  receive(options?: ReceiveOptions): Promise<In | null>;
}

/** A response: its content, or the error that the call fails with. `id` is that of the request. */
export type DecodedResponse<Response> =
  { readonly id: number; readonly response: Response } | { readonly id: number; readonly error: Error };

/** The messages of requests and responses, for the side that calls. */
export interface ClientProtocol<Request, Response, In, Out> {
  /** The largest id that a message can hold; ids begin with 1. Default: 4294967295 (32 bits). */
  readonly maxId?: number | undefined;

  /** The message of a request. A thrown error fails the call; nothing is sent. */
  encodeRequest(id: number, request: Request): Out;

  /** The response in a message. A thrown error ends the connection, and fails all calls. */
  decodeResponse(message: In): DecodedResponse<Response>;
}

/**
 * The messages of requests and responses, for the side that serves. An id may be of any type. Where a request has no
 * response (a notification), `encodeResponse` and `encodeFailure` give `undefined`, and nothing is sent.
 */
export interface ServerProtocol<Request, Response, In, Out, Id = number> {
  /** The request in a message. A thrown error ends the service of the connection. */
  decodeRequest(message: In): { readonly id: Id; readonly request: Request };

  /** The message of a response. */
  encodeResponse(id: Id, response: Response): Out | undefined;

  /** The message for a request whose handler threw, or whose response has no message. It must not show secrets. */
  encodeFailure(id: Id, error: unknown): Out | undefined;
}

/** The messages of requests and responses, for both sides: pure functions. */
export interface RequestProtocol<Request, Response, RequestMessage, ResponseMessage = RequestMessage>
  extends
    ClientProtocol<Request, Response, ResponseMessage, RequestMessage>,
    ServerProtocol<Request, Response, RequestMessage, ResponseMessage> {}
