import { FramedSocket, type StreamSocket, TlvCodec, type TypedMessage, utf8Text } from '../../../lib/index';

export type TextMessage = TypedMessage<string>;

/** The protocol's messages, with strings as their values. */
export function openChannel(socket: StreamSocket): FramedSocket<TextMessage> {
  const layout = { typeBytes: 1, lengthBytes: 6, byteOrder: 'little-endian', maxValueBytes: 8192 } as const;
  return new FramedSocket(socket, new TlvCodec(layout, utf8Text));
}

/**
 * The next message.
 *
 * @throws Error the peer has ended the connection, or the message is an `E`.
 */
export async function receive(channel: FramedSocket<TextMessage>): Promise<TextMessage> {
  const message = await channel.receive();
  if (message === null) throw new Error('the peer has ended');
  if (message.type === 'E') throw new Error(message.value);
  return message;
}
