import { type Codec, ConnectSocket, FramedSocket, ListenSocket, type StreamSocket } from '../../../lib/index';
import { type Contender } from '../contender';

/** This library with the given codec. */
export function framedContender<In, Out>(
  codec: Codec<In, Out>,
  messageOf: (value: Buffer) => Out,
  answer: Out,
): Contender {
  return {
    async serve() {
      const listener = new ListenSocket({ host: '127.0.0.1', port: 0 });
      await listener.bindAndListen();
      void (async () => {
        for await (const peer of listener) void answerAll(peer, codec, answer);
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
            sending = framed.send(messageOf(value));
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
}

async function answerAll<In, Out>(peer: StreamSocket, codec: Codec<In, Out>, answer: Out): Promise<void> {
  await using framed = new FramedSocket(peer, codec);
  for await (const message of framed) if (message !== undefined) void framed.send(answer);
}
