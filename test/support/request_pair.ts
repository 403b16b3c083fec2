import { FramedSocket, type RequestProtocol, type StreamSocket, TlvCodec, utf8Text } from '../../lib/index';
import { connectedPair } from '../../lib/testing/index';

export interface TextMessage {
  readonly type: string;
  readonly value: string;
}

/** `Q` and `R` with `ID TEXT`, and `E` with `ID ERROR`. Texts have at most 100 bytes. */
export const textCodec = new TlvCodec(
  { typeBytes: 1, lengthBytes: 2, byteOrder: 'big-endian', maxValueBytes: 100 },
  utf8Text,
);

export const textProtocol: RequestProtocol<string, string, TextMessage> = {
  encodeRequest: (id, request) => ({ type: 'Q', value: `${id} ${request}` }),
  decodeRequest: (message) => {
    const { id, text } = parse(message, 'Q');
    return { id, request: text };
  },
  encodeResponse: (id, response) => ({ type: 'R', value: `${id} ${response}` }),
  encodeFailure: (id, error) => ({ type: 'E', value: `${id} ${(error as Error).message.slice(0, 50)}` }),
  decodeResponse: (message) => {
    const { id, text } = parse(message, 'R', 'E');
    return message.type === 'E' ? { id, error: new Error(text) } : { id, response: text };
  },
};

function parse({ type, value }: TextMessage, ...types: string[]): { id: number; text: string } {
  const match = types.includes(type) ? /^(\d+) (.*)$/s.exec(value) : null;
  if (match === null) throw new Error(`no message of this protocol: ${type} ${value}`);
  return { id: Number(match[1]), text: match[2]! };
}

export interface FramedPair {
  readonly client: FramedSocket<TextMessage>;
  readonly server: FramedSocket<TextMessage>;
}

/** The framed sockets of both ends, connected in memory. */
export function framedPair([client, server]: [StreamSocket, StreamSocket] = connectedPair()): FramedPair {
  return { client: new FramedSocket(client, textCodec), server: new FramedSocket(server, textCodec) };
}
