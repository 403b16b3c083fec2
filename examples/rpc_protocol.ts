import { TlvCodec, utf8Text, type ValueFormat } from '../lib/index'; // for you: 'sockwright'

/** A call (`C`) and its result (`R`) have the same number: results may come in any order. */
export interface Call {
  readonly id: number;
  readonly method: string;
  readonly args: readonly number[];
}
export interface Result {
  readonly id: number;
  readonly value?: number;
  readonly error?: string;
}

/** JSON as the value of a message. A program on a public network validates the shape too, by a schema library. */
function json<Value>(): ValueFormat<Value> {
  return {
    byteLength: (value) => utf8Text.byteLength(JSON.stringify(value)),
    write: (value, target, offset) => utf8Text.write(JSON.stringify(value), target, offset),
    read: (bytes) => JSON.parse(utf8Text.read(bytes)) as Value,
  };
}

/** One letter, 4 bytes of length in network byte order, JSON of at most 64 KiB. */
export const rpcCodec = new TlvCodec(
  { typeBytes: 1, lengthBytes: 4, byteOrder: 'big-endian', maxValueBytes: 65_536, acceptedTypes: ['C', 'R'] },
  json<Call | Result>(),
);
