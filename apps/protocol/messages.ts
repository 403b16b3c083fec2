import { rawBytes, TlvCodec, type TypedMessage } from '../../lib/index';

/** The types of the messages. docs/protocol.md describes their senders and their order. */
export const MessageType = {
  name: 'N',
  bets: 'B',
  finish: 'F',
  askWinners: 'A',
  digest: 'D',
  ok: 'O',
  wait: 'W',
  result: 'R',
  error: 'E',
} as const;

/** The longest value of a message, in bytes. */
export const MSG_MAX_LENGTH = 8192;

/** The size of a message's type and length, in bytes. */
const HEADER_BYTES = 7;

/** A message in its wire form. The value is UTF-8 text as bytes. */
export type LotteryMessage = TypedMessage<Uint8Array>;
export type LotteryCodec = TlvCodec<Uint8Array>;

/** The codec of the server, which accepts `N`, `B`, `F`, `A` and `D`. */
export function createServerCodec(): LotteryCodec {
  const { name, bets, finish, askWinners, digest } = MessageType;
  return createCodec([name, bets, finish, askWinners, digest]);
}

/** The codec of an agency, which accepts `O`, `W`, `R`, `D` and `E`. */
export function createAgencyCodec(): LotteryCodec {
  const { ok, wait, result, digest, error } = MessageType;
  return createCodec([ok, wait, result, digest, error]);
}

/** The size of a message on the wire, in bytes. */
export function messageBytes({ value }: LotteryMessage): number {
  return HEADER_BYTES + value.length;
}

/** Builds a message from well-formed text. */
export function textMessage(type: string, text = ''): LotteryMessage {
  return { type, value: Buffer.from(text, 'utf8') };
}

function createCodec(acceptedTypes: readonly string[]): LotteryCodec {
  return new TlvCodec<Uint8Array>(
    { typeBytes: 1, lengthBytes: 6, byteOrder: 'little-endian', maxValueBytes: MSG_MAX_LENGTH, acceptedTypes },
    rawBytes,
  );
}
