import { rawBytes, TlvCodec, type TypedMessage } from '../../lib/index';

/** The types of the messages; see docs/protocol.md for who sends which and when. */
export const MessageType = {
  name: 'N',
  bets: 'B',
  finish: 'F',
  askWinners: 'A',
  ok: 'O',
  wait: 'W',
  result: 'R',
  error: 'E',
} as const;

/** The longest value of a message, in bytes. */
export const MSG_MAX_LENGTH = 8192;

/** A message as it travels: its value is bytes, which are UTF-8 text. */
export type LotteryMessage = TypedMessage<Uint8Array>;
export type LotteryCodec = TlvCodec<Uint8Array>;

/** What the server takes: `N`, `B`, `F`, `A`. */
export function createServerCodec(): LotteryCodec {
  const { name, bets, finish, askWinners } = MessageType;
  return createCodec([name, bets, finish, askWinners]);
}

/** What an agency takes: `O`, `W`, `R`, `E`. */
export function createAgencyCodec(): LotteryCodec {
  const { ok, wait, result, error } = MessageType;
  return createCodec([ok, wait, result, error]);
}

/** A message whose value is made of text: of numbers, documents, or words without half surrogates. */
export function textMessage(type: string, text = ''): LotteryMessage {
  return { type, value: Buffer.from(text, 'utf8') };
}

function createCodec(acceptedTypes: readonly string[]): LotteryCodec {
  return new TlvCodec<Uint8Array>(
    { typeBytes: 1, lengthBytes: 6, byteOrder: 'little-endian', maxValueBytes: MSG_MAX_LENGTH, acceptedTypes },
    rawBytes,
  );
}
