/** An implementation of the message exchange over TCP. A message is a letter, 6 bytes of length, and the value. */
export interface Contender {
  /** Listens on a free port of 127.0.0.1 and answers every message with `ANSWER_VALUE`. Returns the port. */
  readonly serve: () => Promise<number>;
  readonly connect: (port: number) => Promise<ContenderClient>;
}

export interface ContenderClient {
  /** Sends `count` messages, with at most `window` unanswered ones. Resolves at the last answer. */
  readonly run: (count: number, value: Buffer, window: number) => Promise<void>;
}

export const HEADER_BYTES = 7;

/** The value of an answer. The whole answer has 20 bytes. */
export const ANSWER_VALUE = Buffer.alloc(13, 'a');

/** Encodes a message without the library. */
export function frameOf(type: number, value: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + value.length);
  frame[0] = type;
  frame.writeUIntLE(value.length, 1, 6);
  value.copy(frame, HEADER_BYTES);
  return frame;
}
