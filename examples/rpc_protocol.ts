import { json, type RequestProtocol, TlvCodec, type TypedMessage } from '../lib/index'; // for you: 'sockwright'

/** A call of a method; its result is a number. */
export interface Call {
  readonly method: string;
  readonly args: readonly number[];
}

/** The value of a message: a call (`C`), or its result or error (`R`) with the same number. */
interface Content extends Partial<Call> {
  readonly id: number;
  readonly value?: number;
  readonly error?: string;
}
type Message = TypedMessage<Content>;

/**
 * One letter, 4 bytes of length in network byte order, JSON of at most 64 KiB. A program on a public network gives `json` a
 * check of the shape too, by a schema library.
 */
export const rpcCodec = new TlvCodec(
  { typeBytes: 1, lengthBytes: 4, byteOrder: 'big-endian', maxValueBytes: 65_536, acceptedTypes: ['C', 'R'] },
  json<Content>(),
);

/** The calls and results in messages: see `RequestChannel` and `serveRequests`. */
export const rpcProtocol: RequestProtocol<Call, number, Message> = {
  encodeRequest: (id, call) => ({ type: 'C', value: { id, ...call } }),
  decodeRequest: ({ value: { id, method = '', args = [] } }) => ({ id, request: { method, args } }),
  encodeResponse: (id, value) => ({ type: 'R', value: { id, value } }),
  encodeFailure: (id, error) => ({ type: 'R', value: { id, error: (error as Error).message } }),
  decodeResponse: ({ value: { id, value, error } }) =>
    value === undefined ? { id, error: new Error(error) } : { id, response: value },
};
