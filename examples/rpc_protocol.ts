import { json, TlvCodec } from '../lib/index'; // for you: 'sockwright'

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

/**
 * One letter, 4 bytes of length in network byte order, JSON of at most 64 KiB. A program on a public network gives `json` a
 * check of the shape too, by a schema library.
 */
export const rpcCodec = new TlvCodec(
  { typeBytes: 1, lengthBytes: 4, byteOrder: 'big-endian', maxValueBytes: 65_536, acceptedTypes: ['C', 'R'] },
  json<Call | Result>(),
);
