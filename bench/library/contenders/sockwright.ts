import { ConnectSocket, FramedSocket, ListenSocket, rawBytes, type StreamSocket, TlvCodec } from '../../../lib/index';
import { ANSWER_VALUE, type Contender } from '../contender';

const codec = new TlvCodec({ typeBytes: 1, lengthBytes: 6, byteOrder: 'little-endian', maxValueBytes: 8192 }, rawBytes);

/** This library with a `FramedSocket`, as in its guide. */
export const sockwright: Contender = {
  async serve() {
    const listener = new ListenSocket({ host: '127.0.0.1', port: 0 });
    await listener.bindAndListen();
    void (async () => {
      for await (const peer of listener) void answer(peer);
    })();
    return (listener.address as { port: number }).port;
  },

  async connect(port) {
    const socket = new ConnectSocket({ host: '127.0.0.1', port });
    await socket.connect();
    const framed = new FramedSocket(socket, codec);
    return {
      async run(count, value, window) {
        let sending: Promise<void> | undefined;
        let sent = 0;
        const sendNext = (): void => {
          sent++;
          sending = framed.send({ type: 'M', value });
        };
        while (sent < Math.min(window, count)) sendNext();
        for (let answered = 0; answered < count; answered++) {
          await framed.receive();
          if (sent < count) sendNext();
        }
        await sending;
      },
    };
  },
};

async function answer(peer: StreamSocket): Promise<void> {
  await using framed = new FramedSocket(peer, codec);
  for await (const message of framed) {
    if (message.value.length > 0) void framed.send({ type: 'A', value: ANSWER_VALUE });
  }
}
