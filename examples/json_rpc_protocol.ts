import {
  type ClientProtocol,
  type FrameRefusedError,
  json,
  LengthPrefixCodec,
  type ServerProtocol,
} from '../lib/index'; // for you: 'sockwright'

/** A method and its parameters, by position or by name. */
export interface Call {
  readonly method: string;
  readonly params?: readonly unknown[] | Readonly<Record<string, unknown>> | undefined;
}

/** The id of a call, of the client's choice. */
export type Id = string | number | null;

/** A call; without `id` it is a notification, which has no response. */
export interface Request extends Call {
  readonly jsonrpc: '2.0';
  readonly id?: Id;
}

export type Response =
  | { readonly jsonrpc: '2.0'; readonly id: Id; readonly result: unknown }
  | { readonly jsonrpc: '2.0'; readonly id: Id; readonly error: { readonly code: number; readonly message: string } };

/** The error of a call, by its code (section 5.1). */
export class RpcError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

export const PARSE_ERROR = -32700;
export const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const INVALID_PARAMS = -32602;
export const INTERNAL_ERROR = -32603;
/** The first of the codes for a program's own errors. */
export const NOT_PERMITTED = -32000;

/** Each message is JSON behind its length: 4 bytes in network byte order. */
const layout = { lengthBytes: 4, maxFrameBytes: 65_536 };
const jsonRequest = json<Request, Response>(requestOf);

/** The side of the server. Bytes that are no request are received as the error to answer, and the connection goes on. */
export const serverCodec = new LengthPrefixCodec<Request | RpcError, Response>(layout, {
  encode: (response) => jsonRequest.encode(response),
  decode(bytes) {
    try {
      return jsonRequest.decode(bytes);
    } catch (refused) {
      const { cause, message } = refused as FrameRefusedError;
      return cause instanceof RpcError ? cause : new RpcError(PARSE_ERROR, message);
    }
  },
});

export const clientCodec = new LengthPrefixCodec<Response, Request>(layout, json(responseOf));

/** The responses of the server; the id of a notification is undefined. */
export const serverProtocol: ServerProtocol<Call | RpcError, unknown, Request | RpcError, Response, Id | undefined> = {
  decodeRequest: (message) => ({ id: message instanceof RpcError ? null : message.id, request: message }),
  // JSON has no undefined.
  encodeResponse: (id, result = null) => (id === undefined ? undefined : { jsonrpc: '2.0', id, result }),
  encodeFailure(id, error) {
    if (id === undefined) return undefined;
    // The message of any other error could have secrets in it.
    const { code, message } = error instanceof RpcError ? error : new RpcError(INTERNAL_ERROR, 'internal error');
    return { jsonrpc: '2.0', id, error: { code, message } };
  },
};

/** The calls of a client, whose ids are numbers. */
export const clientProtocol: ClientProtocol<Call, unknown, Response, Request> = {
  encodeRequest: (id, call) => ({ jsonrpc: '2.0', id, ...call }),
  decodeResponse(response) {
    const { id } = response;
    // An error without an id is no response to a call: it ends the connection.
    if (typeof id !== 'number')
      throw new Error('error' in response ? response.error.message : 'a response without an id');
    if ('result' in response) return { id, response: response.result };
    return { id, error: new RpcError(response.error.code, response.error.message) };
  },
};

/** The checks by hand; a schema library makes them shorter. @throws RpcError */
function requestOf(value: unknown): Request {
  if (Array.isArray(value)) throw new RpcError(INVALID_REQUEST, 'a batch is not supported');
  if (!isObject(value)) throw new RpcError(INVALID_REQUEST, 'a request is an object');
  const { jsonrpc, id, method, params } = value;
  if (jsonrpc !== '2.0') throw new RpcError(INVALID_REQUEST, 'jsonrpc must be "2.0"');
  if (typeof method !== 'string') throw new RpcError(INVALID_REQUEST, 'method must be a string');
  if (id !== undefined && !isId(id)) throw new RpcError(INVALID_REQUEST, 'id must be a string, a number or null');
  if (params !== undefined && (typeof params !== 'object' || params === null)) {
    throw new RpcError(INVALID_REQUEST, 'params must be an array or an object');
  }
  return value as unknown as Request;
}

function responseOf(value: unknown): Response {
  if (!isObject(value) || value.jsonrpc !== '2.0' || !isId(value.id)) throw new Error('no response');
  const { result, error } = value;
  const isError = isObject(error) && typeof error.code === 'number' && typeof error.message === 'string';
  if ((result !== undefined) === isError) throw new Error('a response has a result or an error');
  return value as unknown as Response;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is Id {
  return value === null || typeof value === 'string' || typeof value === 'number';
}
