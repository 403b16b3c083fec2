import { createServer, Socket } from 'node:net';
import { PromiseSocket } from 'promise-socket';
import { ANSWER, ANSWER_VALUE, type Contender, frameOf, HEADER_BYTES, MESSAGE } from '../contender';

/** promise-socket from npm: one `read(size)` for the header, and one for the value. */
export const promiseSocket: Contender = {
  serve: () =>
    new Promise((resolve) => {
      const server = createServer(
        { noDelay: true, keepAlive: true },
        (socket) => void answer(new PromiseSocket(socket)),
      );
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    }),

  async connect(port) {
    const socket = new PromiseSocket(new Socket());
    await socket.connect({ port, host: '127.0.0.1', noDelay: true, keepAlive: true });
    return {
      async run(count, value, window) {
        let sending: Promise<number> | undefined;
        let sent = 0;
        const sendNext = (): void => {
          sent++;
          sending = socket.write(frameOf(MESSAGE, value));
        };
        while (sent < Math.min(window, count)) sendNext();
        for (let answered = 0; answered < count; answered++) {
          await receive(socket);
          if (sent < count) sendNext();
        }
        await sending;
      },
    };
  },
};

async function answer(socket: PromiseSocket<Socket>): Promise<void> {
  while ((await receive(socket)) !== undefined) void socket.write(frameOf(ANSWER, ANSWER_VALUE));
}

async function receive(socket: PromiseSocket<Socket>): Promise<Buffer | undefined> {
  const header = await socket.read(HEADER_BYTES);
  if (header === undefined) return undefined;
  return (await socket.read((header as Buffer).readUIntLE(1, 6))) as Buffer | undefined;
}
