/** An implementation of the message exchange over TCP, with some framing. */
export interface Contender {
  /** Listens on a free port of 127.0.0.1 and answers every message with `ANSWER_VALUE`. Returns the port. */
  readonly serve: () => Promise<number>;
  readonly connect: (port: number) => Promise<ContenderClient>;
}

export interface ContenderClient {
  /** Sends `count` messages, with at most `window` unanswered ones. Resolves at the last answer. */
  readonly run: (count: number, value: Buffer, window: number) => Promise<void>;
}

/** The value of an answer. With a header of 7 bytes, the whole answer has 20. */
export const ANSWER_VALUE = Buffer.alloc(13, 'a');

/** The header of the lottery: a letter, and 6 bytes of length. */
export const HEADER_BYTES = 7;
export const MESSAGE = 'M'.charCodeAt(0);
export const ANSWER = 'A'.charCodeAt(0);

/** Encodes a message of the lottery's framing, without the library. */
export function frameOf(type: number, value: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + value.length);
  frame[0] = type;
  frame.writeUIntLE(value.length, 1, 6);
  value.copy(frame, HEADER_BYTES);
  return frame;
}
