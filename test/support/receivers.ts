import { Connection } from '../../lib/sockets/connection/connection';
import { type FrameDecoder, PlainFrameDecoder } from '../../lib/sockets/connection/frame_decoder';
import { Receiver } from '../../lib/sockets/connection/receiver';
import { FakeOutgoing, idleStream } from './directions';

/** A receiver on an open connection with a passive stream: the test acts as the stream. */
export function receiverWith(bufferLimit = 1000): { receiver: Receiver; connection: Connection } {
  const connection = new Connection();
  const receiver = new Receiver(connection, bufferLimit);
  connection.attach(receiver, new FakeOutgoing());
  connection.adopt(idleStream());
  connection.open();
  return { receiver, connection };
}

/** A frame of one byte of length and the text. */
export function frameOf(text: string): Buffer {
  return Buffer.from(`${String.fromCharCode(text.length)}${text}`, 'latin1');
}

/** A decoder of frames of `count` bytes. */
export function exactly(count: number): FrameDecoder<Buffer> {
  return new PlainFrameDecoder(0, () => count);
}
